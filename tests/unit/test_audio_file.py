"""Sound files: what is read, what is written, and what is left when the program dies."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import pytest
import soundfile

from voicekit.audio.file import SoundFileReader, SoundFileWriter
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, DeviceError

SECOND = 16_000
TONE = (12_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(SECOND) / SECOND)).astype("<i2")


def read_all(path: Path, block: int = 1_000) -> bytes:
    with SoundFileReader(path) as reader:
        return b"".join(frame.pcm for frame in iter(lambda: reader.read(block), None))


def likeness(pcm: bytes, original: numpy.ndarray[tuple[int], numpy.dtype[numpy.int16]]) -> float:
    """1.0 for the same sound; a codec that loses a little stays near it, silence or noise is near 0."""
    heard = numpy.frombuffer(pcm, "<i2")[: len(original)].astype(float)
    return float(numpy.corrcoef(heard, original[: len(heard)].astype(float))[0, 1])


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".au", ".caf"])
def test_lossless_files_are_read_to_the_bit(tmp_path: Path, suffix: str) -> None:
    """PCM16 comes out of the file as it went in, in blocks of any size."""
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, TONE, SECOND, subtype="PCM_16")
    assert read_all(path, 1_000) == read_all(path, 777) == TONE.tobytes()


@pytest.mark.parametrize(
    ("suffix", "kind", "subtype"),
    [(".ogg", "OGG", "VORBIS"), (".opus", "OGG", "OPUS"), (".mp3", "MP3", "MPEG_LAYER_III")],
)
def test_compressed_files_are_read(tmp_path: Path, suffix: str, kind: str, subtype: str) -> None:
    """OGG, Opus and MP3 give the same second of the same tone, in blocks of any size."""
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, TONE, SECOND, subtype, format=kind)
    pcm = read_all(path, 1_000)
    assert len(pcm) == 2 * SECOND
    assert likeness(pcm, TONE) > 0.99
    assert pcm == read_all(path, SECOND)


def test_frames_are_numbered_from_zero(tmp_path: Path) -> None:
    """Each frame begins where the one before it ended; only the last is shorter; then comes None, again and again."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, TONE[:1_000], SECOND)
    with SoundFileReader(path) as reader:
        read = [reader.read(400) for _ in range(5)]
        assert reader.position == 1_000
    assert [(frame.at, frame.samples) for frame in read if frame] == [(0, 400), (400, 400), (800, 200)]
    assert read[3:] == [None, None]


def test_stereo_is_read_as_stereo(tmp_path: Path) -> None:
    """Two channels may be two speakers, so they are kept apart."""
    path = tmp_path / "two.wav"
    both = numpy.stack([TONE, -TONE], axis=1)
    soundfile.write(path, both, SECOND)
    with SoundFileReader(path) as reader:
        assert reader.format == AudioFormat(SECOND, channels=2)
    assert read_all(path) == both.tobytes()


def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    """Programs that write a WAV to a pipe put a huge size into its header; all that follows is played."""
    path = tmp_path / "piped.wav"
    soundfile.write(path, TONE, SECOND)
    raw = bytearray(path.read_bytes())
    for size in (0x7FFFF000, 0xFFFFFFFF):
        raw[40:44] = size.to_bytes(4, "little")
        path.write_bytes(raw)
        assert read_all(path) == TONE.tobytes()


def test_a_file_that_breaks_in_the_middle_is_a_device_error(tmp_path: Path) -> None:
    """A FLAC with a sound beginning and end but a hole between plays to the hole, and then says where it is."""
    path = tmp_path / "hole.flac"
    noise = numpy.random.default_rng(1).integers(-9_000, 9_000, 20 * SECOND).astype("<i2")
    soundfile.write(path, noise, SECOND)
    raw = bytearray(path.read_bytes())
    raw[200_000:300_000] = bytes(100_000)
    path.write_bytes(raw)
    with pytest.raises(DeviceError, match=r"hole.flac: can't be read after sample \d+"):
        read_all(path)


def test_closing_while_a_thread_still_reads_leaves_the_closing_to_it(tmp_path: Path) -> None:
    """A reader that was abandoned in a thread is closed by the last one out, never under its feet."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, TONE, SECOND)
    reader = SoundFileReader(path)
    with reader._shared.use() as file:
        reader.close()
        assert len(file.read(10)) == 10
    assert file.closed
    with pytest.raises(DeviceError, match="closed"):
        reader.read(10)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_files_are_written_to_the_bit(tmp_path: Path, suffix: str, channels: int) -> None:
    """What is written frame by frame is read back as it was, mono or stereo."""
    path = tmp_path / f"out{suffix}"
    sound = AudioFormat(SECOND, channels=channels)
    pcm = TONE.tobytes()
    with SoundFileWriter(path, sound) as writer:
        for start in range(0, len(pcm), 640):
            writer.write(AudioFrame(pcm[start : start + 640], start // sound.sample_bytes, sound))
    assert read_all(path) == pcm
    with SoundFileReader(path) as reader:
        assert reader.format == sound


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".OGG"])
def test_compressed_files_are_written(tmp_path: Path, suffix: str) -> None:
    """The suffix, in capitals or not, says what kind of file it becomes."""
    path = tmp_path / f"out{suffix}"
    with SoundFileWriter(path, PCM16K) as writer:
        writer.write(AudioFrame(TONE.tobytes(), 0, PCM16K))
    assert soundfile.info(path).subtype == ("OPUS" if suffix == ".opus" else "VORBIS")
    assert likeness(read_all(path), TONE) > 0.9


def test_other_encodings_and_gaps_are_written_as_pcm16(tmp_path: Path) -> None:
    """Floats, telephone bytes and holes end up in the file as the sound, and the silence, that they stand for."""
    path = tmp_path / "out.wav"
    line, loud = AudioFormat(SECOND, "mulaw"), AudioFormat(SECOND, "float32")
    with SoundFileWriter(path, PCM16K) as writer:
        writer.write(AudioFrame(b"\xff\x80", 0, line))
        writer.write(Gap(40_000, 2))
        writer.write(AudioFrame(numpy.array([0.5], "<f4").tobytes(), 40_002, loud))
    written = numpy.frombuffer(read_all(path), "<i2")
    assert len(written) == 40_003
    assert written[[0, 1, -1]].tolist() == [0, 32_124, 16_384]
    assert not written[2:-1].any()


def test_another_rate_is_refused(tmp_path: Path) -> None:
    """A file has one rate; sound of another would play too fast or too slow."""
    with SoundFileWriter(tmp_path / "out.wav", PCM16K) as writer, pytest.raises(ConfigError, match="rates differ"):
        writer.write(AudioFrame(b"\0\0", 0, AudioFormat(8_000)))


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "lost"), [(".wav", 0), (".flac", SECOND // 4), (".ogg", 10 * SECOND)])
def test_a_killed_program_leaves_a_playable_file(tmp_path: Path, suffix: str, lost: int) -> None:
    """What was written before the kill is there, but for the stated end of it."""
    path = tmp_path / f"out{suffix}"
    code = """if True:
        import os, signal, sys
        from voicekit.audio.file import SoundFileWriter
        from voicekit.audio.format import PCM16K
        from voicekit.audio.frame import AudioFrame
        sound = open(sys.argv[2], "rb").read()
        writer = SoundFileWriter(sys.argv[1], PCM16K)
        for n in range(1_000):
            writer.write(AudioFrame(sound[n * 640 : (n + 1) * 640], n * 320, PCM16K))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    sound = numpy.random.default_rng(5).integers(-9_000, 9_000, 20 * SECOND).astype("<i2")
    (tmp_path / "sound").write_bytes(sound.tobytes())
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "sound")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    left = read_all(path)
    assert len(left) >= 2 * (len(sound) - lost)
    assert likeness(left, sound) > (0.8 if suffix == ".ogg" else 0.999)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    """The message lists what can be written; no file is left behind."""
    path = tmp_path / "out.doc"
    with pytest.raises(
        ConfigError, match=r"out.doc: expected a name that ends in one of .wav, .flac, .ogg, .opus, got '.doc'"
    ):
        SoundFileWriter(path, PCM16K)
    assert not path.exists()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A place that can't be written to is found before any sound is lost, with the system's own reason."""
    with pytest.raises(ConfigError, match=r"out.wav: can't be written: No such file or directory"):
        SoundFileWriter(tmp_path / "nowhere" / "out.wav", PCM16K)


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write to. That means nothing to root, so for a moment the process is somebody else."""
    user = os.geteuid()
    tmp_path.chmod(0o500)
    if user == 0:
        os.seteuid(65_534)
    yield tmp_path
    os.seteuid(user)


def test_a_folder_without_permission_is_refused(closed_folder: Path) -> None:
    """A folder that is there but closed says so."""
    with pytest.raises(ConfigError, match=r"out.wav: can't be written: Permission denied"):
        SoundFileWriter(closed_folder / "out.wav", PCM16K)


def test_a_folder_is_no_sound_file_to_write(tmp_path: Path) -> None:
    """A folder whose name looks like a file is refused in both directions."""
    path = tmp_path / "out.wav"
    path.mkdir()
    with pytest.raises(ConfigError, match=r"out.wav: can't be written: Is a directory"):
        SoundFileWriter(path, PCM16K)
    with pytest.raises(ConfigError, match=r"out.wav: can't be opened: Is a directory"):
        SoundFileReader(path)


def test_a_rate_that_the_file_can_not_have_is_refused(tmp_path: Path) -> None:
    """Opus knows five rates; another one is an error and not a silent resampling."""
    with pytest.raises(ConfigError, match=r"out.opus: OGG can't hold pcm16 11025 Hz mono"):
        SoundFileWriter(tmp_path / "out.opus", AudioFormat(11_025))


def write_a_minute(writer: SoundFileWriter, second: bytes) -> None:
    for n in range(60):
        writer.write(AudioFrame(second, n * SECOND, PCM16K))


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 20,000 bytes: the kernel's answer is an error, as on a full disk.

    Only around what the test does: the test run's own output may go into a file that is longer already.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_a_full_disk_is_a_device_error(tmp_path: Path, suffix: str) -> None:
    """The error names the file and how far it got, and closing afterwards is quiet."""
    noise = numpy.random.default_rng(1).integers(-9_000, 9_000, SECOND).astype("<i2").tobytes()
    writer = SoundFileWriter(tmp_path / f"out{suffix}", PCM16K)
    with full_disk():
        try:
            with pytest.raises(DeviceError, match=r"out\.\w+: can't write after sample \d+ \(is the disk full\?\)"):
                write_a_minute(writer, noise)
        finally:
            writer.close()
