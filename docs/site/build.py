"""Builds the docs site from the pages of the repository: strictly, without a network, and without touching them.

The pages are plain Markdown, which GitHub shows as well. Here they are copied into a temporary folder in the same
places as in the repository, so that their links stay as they are, with what they link to. Three things are added: the
generated pages (see reference.py), a table of contents made from the links of docs/index.md, and a start page.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sphinx.cmd.build import main as sphinx_build

from docs.site.reference import pages

ROOT = Path(__file__).parents[2]
INDEX = "docs/index.md"
GENERATED = "docs/generated"
HERE = "[How the reference is made]"  # in the index: the generated pages are listed before it
LINK = re.compile(r"(?<!\\)\]\(([^)\s#]+)(#[^)\s]*)?\)")
TITLED = re.compile(r"\[([^]]+)\]\(([^)\s#:]+)\)")
START = '<!doctype html><meta charset="utf-8"><title>voicekit</title><meta http-equiv="refresh" content="0; url={0}">\n'


def build(folder: Path) -> int:
    """Write the site into `folder`; returns 0, or another number if Sphinx has warned of anything."""
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary, "source")
        gather(stage)
        code = sphinx_build(["-q", "-W", "--keep-going", "-b", "html", "-c", f"{Path(__file__).parent}",
                             "-d", f"{temporary}/doctrees", f"{stage}", f"{folder}"])  # fmt: skip
    (folder / "index.html").write_text(START.format("docs/index.html"), encoding="utf-8")
    return code


def gather(stage: Path) -> None:
    """Put every page of the site into `stage`, with all files that one of them links to."""
    own = sources()
    generated = pages()
    for name, text in generated.items():
        _write(stage / GENERATED / f"{name}.md", text)
    for page in own:
        text = page.read_text(encoding="utf-8")
        for path, _ in _targets(text):
            target = (page.parent / path).resolve()
            if target.is_dir() or not target.suffix:  # nothing that a browser shows
                text = re.sub(rf"\[([^]]*)\]\({re.escape(path)}\)", r"\1", text)
            elif target not in own and not path.startswith("generated/"):
                _copy(target, stage / target.relative_to(ROOT))
        _write(stage / page.relative_to(ROOT), text)
    listed = "".join(f"- [{name}](generated/{name}.md)\n" for name in generated)
    index = (ROOT / INDEX).read_text(encoding="utf-8").replace(HERE, f"{listed}\n{HERE}", 1)
    _write(stage / INDEX, index + contents(index))


def sources() -> list[Path]:
    """docs/index.md and the pages that it lists, which are all pages of the site beside the generated ones."""
    index = ROOT / INDEX
    listed = [target for target, _ in _targets(index.read_text(encoding="utf-8"))]
    return [index, *((index.parent / target).resolve() for target in listed)]


def contents(index: str) -> str:
    """Hidden tables of contents, one for each heading of `index` with the links below it, in order."""
    made = ""
    for part in index.split("\n## ")[1:]:
        caption, _, body = part.partition("\n")
        titles = {path: title for title, path in TITLED.findall(body) if path.endswith(".md")}
        if titles:
            entries = "\n".join(
                f"{title.replace('`', '')} <{path.removesuffix('.md')}>" for path, title in titles.items()
            )
            made += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"
    return made


def _targets(text: str) -> Iterator[tuple[str, str]]:
    """Each link to another file of the project: its path as written, and its anchor."""
    for path, anchor in LINK.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        if ":" not in path:
            yield path, anchor


def _copy(target: Path, copy: Path) -> None:
    """A file beside the pages. A Markdown file becomes a page that no table of contents has."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".md":
        copy.write_text("---\norphan: true\n---\n\n" + target.read_text(encoding="utf-8"), encoding="utf-8")
    else:
        shutil.copyfile(target, copy)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
