"""Reads and writes frames in audio files through libsndfile (WAV, FLAC, OGG, MP3, ...).

Nearly everything that can be wrong with a file is detected when it is opened, before any audio is read. Audio is read
as PCM16, whatever the file contains (8 bit, 24 bit, float, compressed). Floats above 1.0 are clipped. Audio is written
as PCM16 in WAV and FLAC, as Vorbis in .ogg, and as Opus in .opus. The rate does not change, even if it is an unusual
one such as 11,025 Hz. A file with more than two channels is rejected, because mixing them would mean guessing which
channel contains the speaker.

A file that contains less than its header declares is rejected, unless `cut_short` is set or hardly anything is missing
(see `voicekit.audio.truncated`).

The reader and the writer work in the thread that calls them. If one thread closes the file while an abandoned thread is
still using it, the file is closed when the abandoned thread has finished.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, TypeAlias

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit.audio.truncated import Ending, MendedFile, find_ending, refuse_without_end, why
from voicekit.errors import ConfigError, DeviceError

PathLike: TypeAlias = str | os.PathLike[str]

READABLE = "WAV, FLAC, OGG, Opus, MP3, AIFF, AU or another format that libsndfile knows"

WRITABLE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
"""The container and the encoding that are written for each suffix, by libsndfile's names."""


class SoundFileReader:
    """Reads an audio file as PCM16 frames, starting at sample 0.

    Opening raises ConfigError, naming the file, if it is missing, empty, cut short or not an audio file, or if it has
    no audio, more than two channels or an unsupported rate. If a file turns out to be damaged in the middle, `read`
    raises DeviceError.
    """

    def __init__(self, path: PathLike, *, cut_short: bool = False) -> None:
        """With `cut_short`, a file that was cut short is read as far as it goes."""
        self.path = Path(path)
        ending = find_ending(self.path, cut_short=cut_short)
        self.missing = ending.missing
        """The number of bytes that the header declares but the file does not contain."""
        file = _opened_to_read(self.path, ending)
        try:
            self.format = _checked(file, self.path)
        except ConfigError:
            file.close()
            raise
        self._shared = _Shared(file)
        self._at = 0

    @property
    def position(self) -> int:
        """The number of the first sample that the next `read` will return."""
        return self._at

    def read(self, samples: int) -> AudioFrame | None:
        """The next `samples` samples: fewer at the end of the file, None after the end."""
        from soundfile import SoundFileError

        try:
            with self._shared.use() as file:
                sound = file.read(samples, dtype="float32", always_2d=True)
        except SoundFileError as error:
            raise DeviceError(f"sound file {self.path}: can't be read after sample {self._at}: {why(error)}") from error
        if not len(sound):
            return None
        floats = AudioFormat(self.format.rate, "float32", self.format.channels)
        frame = AudioFrame(convert(sound.tobytes(), floats, self.format), self._at, self.format)
        self._at = frame.end
        return frame

    def close(self) -> None:
        """Stop reading, and close the file. A second call has no effect."""
        self._shared.close()

    def __enter__(self) -> SoundFileReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


class SoundFileWriter:
    """Writes audio to a file with a fixed rate and channel count; the file's suffix determines its format.

    Opening raises ConfigError for an unknown suffix, a rate that the file's format does not support, or a path that
    can't be written. Frames of another encoding or channel count are converted; a Gap becomes silence. A full disk
    raises DeviceError. If the program is killed, the file can still be played: a .wav up to the last frame, a .flac
    without its last quarter of a second, and an .ogg or .opus without its last page, which may be several seconds long.
    """

    def __init__(self, path: PathLike, format: AudioFormat) -> None:  # noqa: A002  # the field's word
        self.path = Path(path)
        self.format = AudioFormat(format.rate, "pcm16", format.channels)
        self._shared = _Shared(_opened_to_write(self.path, self.format))
        self._written = 0

    def write(self, sound: Sound) -> None:
        """Append `sound`; its position, `at`, is ignored. Raises ConfigError if its rate differs from the file's."""
        if isinstance(sound, Gap):
            self._write_silence(sound.samples)
        else:
            self._write(convert(sound.pcm, sound.format, self.format))

    def close(self) -> None:
        """Complete the file. A second call has no effect."""
        with self._failing_as_device():
            self._shared.close()

    def __enter__(self) -> SoundFileWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def _write_silence(self, samples: int) -> None:
        second = self.format.rate
        for start in range(0, samples, second):
            self._write(self.format.silence(min(second, samples - start)))

    def _write(self, pcm: bytes) -> None:
        with self._failing_as_device(), self._shared.use() as file:
            file.buffer_write(pcm, "int16")
        self._written += self.format.count(pcm)

    @contextmanager
    def _failing_as_device(self) -> Iterator[None]:
        from soundfile import SoundFileError

        try:
            yield
        except SoundFileError as error:
            raise DeviceError(
                f"sound file {self.path}: can't write after sample {self._written} (is the disk full?): {why(error)}"
            ) from error


class _Shared:
    """A soundfile object that may be closed while an abandoned thread is still using it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lock = Lock()
        self._closing = False

    @contextmanager
    def use(self) -> Iterator[Any]:
        try:
            with self._lock:
                yield self._file
        finally:
            if self._closing:
                self.close()

    def close(self) -> None:
        """Close immediately or, if a thread is using the file, let that thread close it."""
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._file.close()
            finally:
                self._lock.release()


def _opened_to_read(path: Path, ending: Ending) -> Any:
    import soundfile

    if path.suffix.lower() == ".raw":
        raise ConfigError(f"sound file {path}: expected {READABLE}; a raw file does not name its format")
    mended = MendedFile(path, ending) if ending.mended else None
    try:
        file = soundfile.SoundFile(path if mended is None else mended)
    except soundfile.SoundFileError as error:
        if mended is not None:
            mended.close()
        raise ConfigError(f"sound file {path}: expected {READABLE}; libsndfile reports: {why(error)}") from error
    # soundfile seeks after each read if it can. In an MP3 this damages the sound that follows (a frame borrows bits
    # from those before it), and in a FLAC of unknown length it fails; so soundfile must believe that it can't seek.
    file.seekable = lambda: False
    if mended is not None:
        file.close = partial(_close_both, file, mended)  # soundfile closes only files that it has opened
    return file


def _close_both(file: Any, mended: MendedFile) -> None:
    type(file).close(file)
    mended.close()


def _checked(file: Any, path: Path) -> AudioFormat:
    """The format in which `file` will be read, after checking what it declares about its audio."""
    if file.channels > 2:
        raise ConfigError(
            f"sound file {path}: expected 1 or 2 channels, got {file.channels}; mix down the channels first"
        )
    if not file.frames:
        raise ConfigError(f"sound file {path}: expected sound, got a header that declares no samples")
    refuse_without_end(file, path)
    try:
        return AudioFormat(file.samplerate, "pcm16", file.channels)
    except ConfigError as error:
        raise ConfigError(f"sound file {path}: {error}") from error


def check_writable(path: Path) -> None:
    """Raise ConfigError if `path` has an unknown suffix or is in a folder that does not exist."""
    if path.suffix.lower() not in WRITABLE:
        raise ConfigError(
            f"sound file {path}: expected a name that ends in one of {', '.join(WRITABLE)}, got {path.suffix!r}"
        )
    try:
        path.parent.stat()
    except OSError as error:
        raise ConfigError(f"sound file {path}: can't be written: {error.strerror}") from error


def _opened_to_write(path: Path, format: AudioFormat) -> Any:  # noqa: A002  # the field's word
    import soundfile

    check_writable(path)
    kind, subtype = WRITABLE[path.suffix.lower()]
    try:
        path.open("ab").close()  # libsndfile would report only "System error"
        return soundfile.SoundFile(path, "w", format.rate, format.channels, subtype, format=kind)
    except OSError as error:
        raise ConfigError(f"sound file {path}: can't be written: {error.strerror}") from error
    except soundfile.SoundFileError as error:
        raise ConfigError(f"sound file {path}: {kind} can't hold {format}: {why(error)}") from error
