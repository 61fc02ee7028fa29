"""The docs site: it builds strictly and without a network, its links lead somewhere, its tables have everything."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.house.source import ROOT
from voicekit import events, load_plugins

BUILD = """
import socket, sys
from pathlib import Path

def refused(*arguments, **options):
    raise OSError("the docs site asked for a connection")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
from docs.site.build import build
sys.exit(build(Path(sys.argv[1])))
"""
"""Builds the site in a process that cannot connect to anything."""


class HtmlPage(HTMLParser):
    """The links of a page, the anchors in it, and what a browser would load with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in {"canonical", "index", "search", "next", "prev"}:
            self.loaded.append(given["href"])
        elif tag in {"script", "img", "iframe", "source"} and "src" in given:
            self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it was built; its warnings are errors."""
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("needs the package sphinx")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, folder], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    """Each link to a page or a file of the site finds it, and each anchor its heading."""
    pages = {path: HtmlPage(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                broken.append(f"{path.relative_to(site)}: {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{path.relative_to(site)}: {link}: no such heading")
    assert broken == []


@pytest.mark.slow
def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    """Styles, scripts and pictures are files of the site: a reader without a network sees all of it."""
    for path in site.rglob("*.html"):
        for link in HtmlPage(path).loaded:
            parts = urlsplit(link)
            assert parts.scheme in {"", "data"}, f"{path.relative_to(site)} loads {link}"
            assert parts.scheme or (path.parent / unquote(parts.path)).exists(), f"{path.relative_to(site)}: {link}"


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    """No page in docs/ is forgotten by the index, nor a plugin's README."""
    for page in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]:
        assert (site / page.relative_to(ROOT)).with_suffix(".html").exists(), page


def test_the_generated_tables_have_everything() -> None:
    """Each policy field, event, option, verb and public name has its row or heading, with the default of the code."""
    from docs.site import reference

    pages = reference.pages()
    for kind in reference.POLICIES:
        assert kind is reference.POLICIES[0] or set(reference.by_field(kind)[1]) == {
            field.name for field in dataclasses.fields(kind)
        }, "each field of a policy has its meaning in the docstring"
        for field in dataclasses.fields(kind):
            assert f"| `{field.name}` | `{field.type}` | " in pages["policies"].replace("\\|", "|")
    assert "| `settle` | `float` | `0.8` | how long a pause must last" in pages["policies"]
    for name, kind in vars(events).items():
        if inspect.isclass(kind) and kind.__module__ == events.__name__:
            assert f"\n## {name}\n" in pages["events"]
    registry = load_plugins().registry
    for role in reference.ROLES:
        assert f"\n## {role}\n" in pages["options"]
        assert all(f"\n| `{name}` | " in pages["options"] for name in registry.names(role))
    for verb in reference.verbs():
        assert f"\n## voicekit {verb}" in pages["commands"]
    assert "| `--keep DAYS` | save each recording" in pages["commands"]
    for name in reference.public_names():
        room, _, last = name.rpartition(".")
        assert f"\n### {name}\n" in pages["api"] or f"\n`{last}`: the same as `voicekit.{last}`." in pages["api"], room
