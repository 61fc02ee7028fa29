"""What the doctor is told of the local server's models."""

from __future__ import annotations

from voicekit_local.doctor import examine


def test_engines_are_named_and_the_preparation_is_announced(tmp_path, monkeypatch):
    """Each engine is a line; while the recogniser is not prepared, it says that the first start does it, and where."""
    monkeypatch.setenv("VOICEKIT_CACHE", str(tmp_path))
    found = list(examine())
    assert all(fine for fine, _, _ in found)
    text = "\n".join(f"{what} {remedy}" for _, what, remedy in found)
    assert "recogniser: " in text
    assert "voice: " in text
    if "Moonshine" in text:
        assert "not prepared yet" in text
        assert str(tmp_path) in text


def test_missing_packages_are_told_with_the_command(monkeypatch):
    """Without any recogniser and without the voice, both are wrong, and the command brings them."""
    monkeypatch.setattr("voicekit_local.engines.choose.find_spec", lambda name: None)
    wrong = [(what, remedy) for fine, what, remedy in examine() if not fine]
    assert ["recogniser" in what or "voice" in what for what, _ in wrong] == [True, True]
    assert all("pip install" in remedy for _, remedy in wrong)
