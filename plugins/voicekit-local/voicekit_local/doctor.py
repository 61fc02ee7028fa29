"""This plugin's checks in `voicekit doctor`: which engines are installed, and whether the recogniser is prepared."""

from __future__ import annotations

from collections.abc import Iterator

from voicekit.errors import ConfigError
from voicekit.extend.install import install_command
from voicekit_local.engines.choose import choose_aligner, choose_recogniser, choose_voice
from voicekit_local.engines.files import CACHE_VARIABLE, cache_folder
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.engines.prepare import KEPT_MB

ANEW = f"install the packages of the local server: {install_command('voicekit-local')}"


def examine() -> Iterator[tuple[bool, str, str]]:
    """For each check: whether it passed, what was found, and advice, which may be empty."""
    aligner = choose_aligner()
    try:
        recogniser = choose_recogniser()
        yield True, recogniser.why, ""
        if isinstance(recogniser.engine, Moonshine):
            yield _preparation(recogniser.engine)
    except ConfigError as error:
        yield False, str(error), ANEW
    yield True, aligner.why, ""
    try:
        yield True, choose_voice(aligner.engine).why, ""
    except ConfigError as error:
        yield False, str(error), ANEW


def _preparation(recogniser: Moonshine) -> tuple[bool, str, str]:
    where = cache_folder()
    if recogniser.prepared:
        return True, f"the recogniser is prepared, in {where}", ""
    found = "the recogniser is not yet prepared: the first start prepares it, once, in about 15 s"
    return True, found, f"{KEPT_MB} MB will stay in {where}; {CACHE_VARIABLE} names another folder"
