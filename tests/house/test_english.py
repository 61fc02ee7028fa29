"""Texts are plain: few of the words that make a reader decode a sentence.

The first version's prose had one habit: sentences whose subject is "who" or "what", and functions that "say" and
"tell". The words below give it away. Some of them are right in their place (a bot does say something), hence a limit
for each kind of text and not zero. Names in `code` and blocks of code do not count.

    python -m tests.house.test_english          how many there are, and in which files
    python -m tests.house.test_english FILE     each of them, with its line
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.source import ROOT, files, product

TELL_TALES = re.compile(
    r"\b(?:says?|said|tells?|told|whoever|nobody|somebody|so many|so long|as long as)\b"
    r"|(?:^|(?<=[.!?:;]\s)|(?<=\n\n))Who (?=\w)"
)
WORD = re.compile(r"[^\W\d_][\w'-]*")
LIMIT = 6.0
"""Per 1,000 words, over each kind of text; the first version had 12.6."""

FEWEST_WORDS = 150
"""A file with fewer words is judged only with its kind: one word would be too much for it."""

MOST = 20.0
"""Per 1,000 words in any one file."""


def prose_of_page(text: str) -> str:
    """The text of a Markdown page without blocks of code, names in code, marks and links, line by line."""
    blank = lambda found: re.sub(r"[^\n]", " ", found.group())  # noqa: E731
    for pattern in (r"^```.*?^```", r"`[^`\n]*`", r"<!--.*?-->", r"\]\([^)]*\)"):
        text = re.sub(pattern, blank, text, flags=re.MULTILINE | re.DOTALL)
    return text


def docstrings(tree: ast.Module, text: str) -> str:
    """All docstrings of a module, also those below constants, on their lines, without names in code."""
    lines = [""] * (text.count("\n") + 2)
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str() as words), lineno=first):
                    for place, line in enumerate(words.splitlines()):
                        lines[first + place] += f" {line}"
    return re.sub(r"`[^`]*`", lambda found: re.sub(r"[^\n]", " ", found.group()), "\n".join(lines[1:]))


def messages(tree: ast.Module, text: str) -> str:
    """The texts of errors and of `help=`, on their lines."""
    lines = [""] * (text.count("\n") + 2)
    for node in ast.walk(tree):
        match node:
            case ast.Raise(exc=ast.Call(args=arguments)):
                told = arguments
            case ast.keyword(arg="help" | "description" | "epilog", value=value):
                told = [value]
            case ast.Assign(targets=[ast.Name(id="HELP")], value=value):
                told = [value]
            case _:
                continue
        for part in (part for argument in told for part in ast.walk(argument)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                lines[part.lineno] += f" {part.value}"
    return re.sub(r"`[^`\n]*`", " ", "\n".join(lines[1:]))


@cache
def texts() -> dict[str, dict[str, str]]:
    """Every text of the project by its kind and file."""
    pages = [path for path in files() if path.suffix == ".md" and "/sounds/" not in str(path)]
    named = {path.relative_to(ROOT).as_posix(): prose_of_page(path.read_text(encoding="utf-8")) for path in pages}
    return {
        "pages": {name: text for name, text in named.items() if not name.startswith("plugins/")},
        "READMEs of plugins": {name: text for name, text in named.items() if name.startswith("plugins/")},
        "docstrings": {module.path: docstrings(module.tree, module.text) for module in product()},
        "errors and help": {module.path: messages(module.tree, module.text) for module in product()},
    }


def found_in(text: str) -> list[tuple[int, str]]:
    """Each tell-tale with its line."""
    return [(text.count("\n", 0, found.start()) + 1, found.group()) for found in TELL_TALES.finditer(text)]


def rate(count: int, words: int) -> float:
    return 1000 * count / max(1, words)


@pytest.mark.parametrize("kind", ["pages", "READMEs of plugins", "docstrings", "errors and help"])
def test_texts_have_few_tell_tales(kind: str) -> None:
    """At most six per 1,000 words over all texts of a kind, and no single file is full of them."""
    counted = {name: (len(found_in(text)), len(WORD.findall(text))) for name, text in texts()[kind].items()}
    worst = sorted(((rate(*count), name) for name, count in counted.items()), reverse=True)
    total = rate(sum(count for count, _ in counted.values()), sum(words for _, words in counted.values()))
    assert total <= LIMIT, f"{kind}: {total:.1f} per 1,000 words; the worst: {worst[:10]}"
    assert [name for high, name in worst if high > MOST and counted[name][1] >= FEWEST_WORDS] == []


def test_the_habit_is_found_in_each_kind_of_text() -> None:
    """Prose, docstrings, errors and help are read; code and names are not."""
    page = "Nobody said `say`.\n\nWho comes is told. [told](told.md)\n```\ntold\n```\n"
    assert found_in(prose_of_page(page)) == [(1, "said"), (3, "Who "), (3, "told"), (3, "told")]
    code = '"""It says `say`."""\nx = "said"\nLIMIT = 1\n"""Told: so long."""\nraise E("nobody")\nf(help="say it")\n'
    assert found_in(docstrings(ast.parse(code), code)) == [(1, "says"), (4, "so long")]
    assert found_in(messages(ast.parse(code), code)) == [(5, "nobody"), (6, "say")]


def report(arguments: list[str]) -> Iterator[str]:
    """The lines that the command prints."""
    for kind, named in texts().items():
        chosen = {name: text for name, text in named.items() if not arguments or name in arguments}
        counts = Counter({name: len(found_in(text)) for name, text in chosen.items()})
        words = {name: len(WORD.findall(text)) for name, text in chosen.items()}
        total = sum(counts.values())
        if not arguments:
            yield f"{kind}: {total} in {sum(words.values()):,} words: {rate(total, sum(words.values())):.1f} per 1,000"
            yield from (
                f"  {rate(count, words[name]):5.1f}  {count:3}  {name}" for name, count in counts.most_common(15)
            )
        for name in chosen if arguments else ():
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
            yield from (
                f"{name}:{line}: {word.strip()}: {lines[line - 1].strip()}" for line, word in found_in(chosen[name])
            )


if __name__ == "__main__":
    print("\n".join(report([Path(each).as_posix() for each in sys.argv[1:]])))
