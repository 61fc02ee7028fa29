"""The code of the pages that newcomers read runs as it stands there: files, examples, and the commands between them.

A block below `<!-- file: name -->` is saved as name.py; below `<!-- example: name -->` it is a program that is run,
and `<!-- output: name -->` has what it prints. Tests among the files of a page are run with pytest.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.markdown import Block, Page, read
from tests.house.source import ROOT, files

PAGES = ("AGENTS.md", "docs/concepts.md", "docs/migrate-livekit.md", "docs/migrate-pipecat.md", "docs/parts.md",
         "docs/quickstart.md", "docs/tcp.md")  # fmt: skip
"""The other pages of docs have tests of their own, with the parts that they need."""

MARKDOWN = [path for path in files() if path.suffix == ".md"]


def page(name: str) -> Page:
    return read((ROOT / name).read_text(encoding="utf-8"))


def run(folder: Path, *words: str, typed: str = "", **variables: str) -> str:
    """What a program prints that is run in `folder`, with no key; it must end well and complain about nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SONIOX_", "VOICEKIT_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=folder,
        env={
            **environment,
            **variables,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        input=typed,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("voicekit: ")]
    assert (done.returncode, complaints) == (0, []), f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def save(folder: Path, blocks: tuple[Block, ...]) -> list[str]:
    """Write the files of a page into `folder`; returns their names."""
    saved = [block for block in blocks if block.mark == "file"]
    for block in saved:
        (folder / f"{block.name}.py").write_text(block.text, encoding="utf-8")
    return [block.name for block in saved]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs(name: str, tmp_path: Path) -> None:
    """Its files can be imported, its tests pass, its examples print what the page shows."""
    blocks = page(name).blocks
    names = save(tmp_path, blocks)
    assert names or any(block.mark == "example" for block in blocks)
    for module in names:
        if not module.startswith("test_"):
            run(tmp_path, "-c", f"import {module}")
    if any(module.startswith("test_") for module in names):
        (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n", encoding="utf-8")
        run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib")
    outputs = {block.name: block.text for block in blocks if block.mark == "output"}
    for block in (block for block in blocks if block.mark == "example"):
        (tmp_path / f"{block.name}_example.py").write_text(block.text, encoding="utf-8")
        printed = run(tmp_path, f"{block.name}_example.py")
        assert block.name not in outputs or printed.rstrip() == outputs[block.name].rstrip()


@pytest.mark.slow
def test_the_bots_of_the_quickstart_can_be_typed_to(tmp_path: Path) -> None:
    """Both bots without a model hold the conversation that the page describes."""
    save(tmp_path, page("docs/quickstart.md").blocks)
    said = run(tmp_path, "-m", "voicekit", "chat", "hello.py", typed="Ann\nbye\n")
    assert "Nice to meet you, Ann. What can I do for you?" in said
    assert "Goodbye!" in said
    said = run(tmp_path, "-m", "voicekit", "chat", "parcels.py", typed="where is my parcel\n4321\ngoodbye\n")
    assert "Your parcel is in our office." in said


@pytest.mark.slow
def test_the_bot_with_a_tool_can_be_typed_to_without_a_key(tmp_path: Path) -> None:
    """`chat` calls the file's `make_bot`, and the page's stand-in answers in the place of the service."""
    save(tmp_path, page("docs/quickstart.md").blocks)
    [stand_in] = [block for block in page("docs/models.md").blocks if block.name == "stand_in"]
    (tmp_path / "stand_in.py").write_text(stand_in.text, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "stand_in.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            name, _, url = server.stdout.readline().removeprefix("export ").strip().partition("=")
            typed = "a table for four on Friday\n"
            said = run(tmp_path, "-m", "voicekit", "chat", "tables.py", typed=typed, OPENAI_API_KEY="", **{name: url})
        finally:
            server.kill()
    assert "There is one at half past six." in said


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_block_is_python(path: Path) -> None:
    """Each compiles as it stands, whatever page it is on."""
    for block in read(path.read_text(encoding="utf-8")).blocks:
        if block.language == "python" and not re.fullmatch(r"def .*\n", block.text):  # a block that is only a signature
            compile("\n" * (block.line - 1) + block.text, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_command_of_the_pages_exists() -> None:
    """Each `voicekit VERB --option` in a page, in a block or a sentence, is a verb that takes that option."""
    from docs.site import reference

    taken: dict[str, set[str]] = {}
    for verb in reference.verbs():
        parsers, printed = reference.parsers(verb)
        actions = (action for parser in parsers for action in parser._actions)
        taken[verb] = {option for action in actions for option in action.option_strings}
        taken[verb] |= {"--traceback", "--help", *re.findall(r"--[a-z-]+", printed)}
    wrong = []
    for path in MARKDOWN:
        for command in commands_of(read(path.read_text(encoding="utf-8"))):
            verb, options = command[0], [word.partition("=")[0] for word in command[1:] if word.startswith("-")]
            if verb not in taken:
                wrong.append(f"{path.relative_to(ROOT)}: voicekit {verb}: no such verb")
            wrong += [
                f"{path.relative_to(ROOT)}: voicekit {verb} {option}: no such option"
                for option in options
                if len(option) > 1 and option not in taken[verb]
            ]
    assert wrong == []


def commands_of(found: Page) -> list[list[str]]:
    """The words behind `voicekit` of every command of a page."""
    shells = "\n".join(block.text for block in found.blocks if block.language in {"sh", "console"})
    lines = re.findall(r"(?:^|[\s/])voicekit ([a-z-]+ .*|[a-z-]+)$", shells.replace("\\\n", " "), re.MULTILINE)
    lines += re.findall(r"`voicekit ([a-z][^`]*)`", " ".join(found.prose.split()))
    split = (shlex.split(re.split(r"\s[|>;&]", line)[0].replace("\\|", "|"), comments=True) for line in lines)
    return [words for words in split if words and words[0] != "VERB"]
