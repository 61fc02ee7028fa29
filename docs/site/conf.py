"""Settings of the docs site, read by Sphinx. See build.py for how the pages come together."""

from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "voicekit"
copyright = "the voicekit developers, MIT licence"  # noqa: A001  # Sphinx' name for it
extensions = ["myst_parser"]
root_doc = "docs/index"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "voicekit"
html_copy_source = False
html_show_sphinx = False
html_theme_options: dict[str, Any] = {"navigation_with_keys": True}
myst_heading_anchors = 4
myst_all_links_external = False
nitpicky = True
suppress_warnings: list[str] = []


def setup(app: Sphinx) -> None:
    """Show diagrams, which GitHub draws, as their text: a script that draws them would have to be fetched."""
    app.add_lexer("mermaid", TextLexer)
