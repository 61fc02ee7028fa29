"""What the doctor is told of the local server's models."""

from __future__ import annotations

import pytest

from voicekit_local.doctor import examine
from voicekit_local.engines import moonshine, prepare
from voicekit_local.engines.files import cache_folder
from voicekit_local.engines.networks import SIZES


def test_engines_are_named_and_the_preparation_is_announced(tmp_path, monkeypatch):
    """Each engine is a line; while the recogniser is not prepared, it says that the first start does it, and where."""
    monkeypatch.setenv("VOICEKIT_CACHE", str(tmp_path))
    found = list(examine())
    assert all(fine for fine, _, _ in found)
    text = "\n".join(f"{what} {remedy}" for _, what, remedy in found)
    assert "recogniser: " in text
    assert "voice: " in text
    if "Moonshine" in text:
        assert "not yet prepared" in text
        assert str(tmp_path) in text


def told(part):
    """What the doctor is told that has this part."""
    return [f"{what}; {remedy}" for _, what, remedy in examine() if part in what]


def test_only_what_the_next_start_would_use_is_called_prepared(tmp_path, monkeypatch):
    """What an older version, or one with another recipe, has left is not: the next start prepares anew."""
    pytest.importorskip("moonshine_cpp", reason="needs the package moonshine-cpp (Linux on x86-64)")
    monkeypatch.setenv("VOICEKIT_CACHE", str(tmp_path))

    def quickly(source, folder, progress):
        (folder / "network.onnx").write_bytes(b"ready")
        (folder / SIZES).write_text('{"network.onnx": 5}')

    monkeypatch.setattr(prepare, "_make_elsewhere", quickly)
    monkeypatch.setattr(prepare, "check_files", lambda *any: None)
    prepare.prepared(tmp_path, moonshine.HASHES, moonshine.DISTRIBUTION, lambda doing, done: None)
    assert told("is prepared")
    monkeypatch.setattr(prepare, "RECIPE", prepare.RECIPE + 1)
    assert not told("is prepared")
    (announced,) = told("not yet prepared")
    assert f"{prepare.KEPT_MB} MB will stay in {cache_folder()}" in announced


def test_missing_packages_are_told_with_the_command(monkeypatch):
    """Without any recogniser and without the voice, both are wrong, and the command brings them."""
    monkeypatch.setattr("voicekit_local.engines.choose.find_spec", lambda name: None)
    wrong = [(what, remedy) for fine, what, remedy in examine() if not fine]
    assert ["recogniser" in what or "voice" in what for what, _ in wrong] == [True, True]
    assert all("pip install" in remedy for _, remedy in wrong)
