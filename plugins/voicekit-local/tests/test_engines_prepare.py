"""The recogniser is prepared once, wholly or not at all, however many processes begin at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from voicekit.errors import ConfigError
from voicekit_local.engines import moonshine, prepare
from voicekit_local.engines.files import cache_folder, package_folder
from voicekit_local.engines.interface import Progress, no_progress
from voicekit_local.engines.networks import NETWORKS, SIZES
from voicekit_local.engines.prepare import prepared

SOURCE = b"weights"
HASHES = {"weights": hashlib.sha256(SOURCE).hexdigest()}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights, and a cache that is empty."""
    monkeypatch.setenv("VOICEKIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "weights").write_bytes(SOURCE)
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were prepared; the work itself is replaced by a moment's."""
    folders: list[Path] = []
    monkeypatch.setattr(prepare, "_make_elsewhere", _quickly(folders.append))
    return folders


def _quickly(then: Callable[[Path], None]) -> Callable[[Path, Path, Progress], None]:
    def make(source: Path, folder: Path, progress: Progress) -> None:
        (folder / "network.onnx").write_bytes(b"ready")
        (folder / SIZES).write_text('{"network.onnx": 5}')
        then(folder)

    return make


@pytest.mark.real
def test_the_real_work_is_done_in_another_process(tmp_path: Path) -> None:
    """Both networks come out whole and small, and progress rises to the end."""
    pytest.importorskip("moonshine_cpp", reason="needs the package moonshine-cpp (Linux on x86-64)")
    source = package_folder("moonshine_cpp", moonshine.DISTRIBUTION) / moonshine.MODEL
    told: list[float] = []
    prepare._make_elsewhere(source, tmp_path, lambda doing, done: told.append(done))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {*(f"{name}.onnx" for name in NETWORKS), SIZES}
    assert round(sum(sizes.values()) / 1e6) == prepare.KEPT_MB
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_it_is_prepared_once(source: Path, made: list[Path]) -> None:
    """The second time nothing is done, not even the source is looked at."""
    first = prepared(source, HASHES, "model==1.0", no_progress)
    (source / "weights").unlink()
    assert prepared(source, HASHES, "model==1.0", no_progress) == first
    assert len(made) == 1
    assert [path.name for path in cache_folder().iterdir()] == [first.name]


def test_other_weights_and_versions_are_prepared_apart(source: Path, made: list[Path]) -> None:
    """What was prepared from one version is never used for another."""
    first = prepared(source, HASHES, "model==1.0", no_progress)
    second = prepared(source, HASHES, "model==1.1", no_progress)
    (source / "weights").write_bytes(b"others")
    other = {"weights": hashlib.sha256(b"others").hexdigest()}
    assert len({first, second, prepared(source, other, "model==1.1", no_progress)}) == 3
    assert len(made) == 3


def test_of_two_at_once_the_first_wins(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finishes second uses what is there already, and leaves nothing behind."""
    winners: list[Path] = []

    def overtaken(folder: Path) -> None:
        monkeypatch.setattr(prepare, "_make_elsewhere", _quickly(lambda folder: None))
        winners.append(prepared(source, HASHES, "model==1.0", no_progress))
        (winners[0] / "mark").touch()

    monkeypatch.setattr(prepare, "_make_elsewhere", _quickly(overtaken))
    assert prepared(source, HASHES, "model==1.0", no_progress) == winners[0]
    assert (winners[0] / "mark").exists()
    assert list(cache_folder().iterdir()) == winners


def test_what_a_killed_one_left_is_removed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a work that nobody is at any more goes; one that somebody is at stays, and is finished."""
    left = cache_folder() / ".preparing-killed"
    left.mkdir(parents=True)
    (left / "half").touch()

    def overtaken(folder: Path) -> None:
        assert not left.exists()
        monkeypatch.setattr(prepare, "_make_elsewhere", _quickly(lambda folder: None))
        prepared(source, HASHES, "model==2.0", no_progress)
        assert folder.exists()

    monkeypatch.setattr(prepare, "_make_elsewhere", _quickly(overtaken))
    folder = prepared(source, HASHES, "model==1.0", no_progress)
    assert {path.name for path in cache_folder().iterdir()} == {folder.name, "model-2.0-" + folder.name[10:]}


@pytest.mark.parametrize("harm", ["cut", "no network", "no list"])
def test_half_of_it_is_made_again(source: Path, made: list[Path], harm: str) -> None:
    """A file that is missing or has another size makes all of it be prepared anew."""
    folder = prepared(source, HASHES, "model==1.0", no_progress)
    if harm == "cut":
        (folder / "network.onnx").write_bytes(b"rea")
    else:
        (folder / ("network.onnx" if harm == "no network" else SIZES)).unlink()
    assert prepared(source, HASHES, "model==1.0", no_progress) == folder
    assert (folder / "network.onnx").read_bytes() == b"ready"
    assert len(made) == 2


def test_a_failure_leaves_nothing_and_says_where(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the work fails, the error says what was tried and names the variable, and the cache stays empty."""

    def fail(source: Path, folder: Path, progress: Progress) -> None:
        (folder / "half").write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(prepare, "_make_elsewhere", fail)
    with pytest.raises(ConfigError, match=r"1\.5 GB of memory.*No space left on device\. Set VOICEKIT_CACHE"):
        prepared(source, HASHES, "model==1.0", no_progress)
    assert list(cache_folder().iterdir()) == []


def test_a_process_that_fails_is_quoted(source: Path) -> None:
    """What the preparing process said last is in the error."""
    with pytest.raises(ConfigError, match="exit status 1: onnxruntime"):
        prepared(source, HASHES, "model==1.0", no_progress)


def test_a_cache_that_is_a_file_is_told(source: Path, made: list[Path]) -> None:
    """Where no folder can be made, the error says so instead of a traceback."""
    cache_folder().write_text("in the way")
    with pytest.raises(ConfigError, match="preparing the recogniser below"):
        prepared(source, HASHES, "model==1.0", no_progress)
    assert made == []
