"""What `voicekit doctor` says of an Asterisk."""

from __future__ import annotations

import pytest

from voicekit_asterisk.doctor import NEEDED, examine, findings, is_new_enough
from voicekit_asterisk.testing.pbx import PASSWORD, USER, Pbx

ALL = [{"name": name, "status": "Running"} for name in NEEDED]


@pytest.mark.parametrize(
    ("version", "fine"),
    [("22.10.1", True), ("22.8.0", True), ("22.7.9", False), ("20.18.2", True), ("20.17.0", False), ("18.26.0", False),
     ("23.1.0", False), ("23.2.0", True), ("24.0.0", True), ("GIT-master", True)],
)  # fmt: skip
def test_versions_that_will_do(version: str, fine: bool) -> None:
    """Each branch has its first version that is good enough; older branches never got one."""
    assert is_new_enough(version) is fine


def test_a_good_asterisk_has_one_line() -> None:
    """With everything there, its version is all that is said."""
    assert findings({"system": {"version": "22.10.1"}}, ALL) == [(True, "Asterisk 22.10.1 answers", "")]


def test_what_is_lacking_has_a_remedy() -> None:
    """An old version and each module that is not running are named, with what to do."""
    found = findings({"system": {"version": "22.5.0"}}, ALL[1:])
    assert [fine for fine, _, _ in found] == [False, False]
    assert all(remedy for _, _, remedy in found)
    assert "chan_websocket.so" in found[1][1]


@pytest.mark.parametrize("answer", [None, [], "x", {"system": 5}, {"system": {}}])
def test_strange_answers_are_read(answer: object) -> None:
    """Whatever comes back, there is a finding and no exception."""
    assert len(findings(answer, answer)) == 1 + len(NEEDED)


def test_without_a_password_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Asterisk that is not configured is not mentioned."""
    monkeypatch.delenv("VOICEKIT_ARI_PASSWORD", raising=False)
    assert examine() == []


def test_an_asterisk_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is named, without what may stand in it."""
    monkeypatch.setenv("VOICEKIT_ARI_PASSWORD", "x")
    monkeypatch.setenv("VOICEKIT_ARI_URL", "http://me:secret@127.0.0.1:1")
    [(fine, found, remedy)] = examine()
    assert not fine
    assert "127.0.0.1:1" in found
    assert "secret" not in found + remedy


@pytest.mark.real
def test_a_real_asterisk_is_found(pbx: Pbx, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one answers with its version and has every module; a wrong password is told as such."""
    monkeypatch.setenv("VOICEKIT_ARI_URL", pbx.ari)
    monkeypatch.setenv("VOICEKIT_ARI_USER", USER)
    monkeypatch.setenv("VOICEKIT_ARI_PASSWORD", PASSWORD)
    assert [fine for fine, _, _ in examine()] == [True]
    monkeypatch.setenv("VOICEKIT_ARI_PASSWORD", "wrong")
    [(fine, found, _)] = examine()
    assert not fine
    assert "refuses" in found
