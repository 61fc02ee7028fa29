"""The HTTP layer of the REST client: requests, bodies, retries, uploads, and atomic writes of files."""
