"""Builds the docs site: `python -m docs.site FOLDER`."""
