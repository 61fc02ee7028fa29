"""Decodes audio in a container (WAV, FLAC, Ogg, MP3 ...) as it arrives, in a thread that can wait for more bytes.

libsndfile can read most containers from a pipe, but it has to seek in FLAC and MP3. For these, we pass it a file
object that reads the pipe, keeps enough of the bytes already read, and reports an endless length.
"""

from __future__ import annotations

import fcntl
import math
import os
import sys
import termios
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from voicekit.audio.codec import from_floats
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.audio.resample import Resampler
from voicekit.errors import ConfigError, VoicekitError
from voicekit.flow.groups import sole
from voicekit.soniox.api.limits import STT_SESSION_S
from voicekit_local.heads import mend_head, unreadable, values, wav_block

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONTAINERS: Final = ("auto", "aiff", "flac", "mp3", "ogg", "wav")
"""The service's containers that libsndfile reads."""

HEAD_BYTES: Final = 128
"""How many bytes we wait for before we identify the container: enough for a usual RIFF header."""

BLOCK_S: Final = 0.05
"""Seconds of sound decoded at a time: less than a recogniser decodes at once."""

ENDLESS: Final = 1 << 40
"""The reported size of a file whose end has not arrived."""

BEHIND: Final = 1 << 20
"""Bytes kept before the read position: decoders look back by a few frames."""

_PLAIN: Final = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MPEG_LAYER_III"}
)
"""Codecs in which the sound ends where the bytes end."""

QUIET_S: Final = 0.1
"""If a decoder has read all bytes and delivers nothing for this many seconds, we assume that it has finished."""

SETTLE_S: Final = 3.0
"""The longest time in seconds to wait until a decoder has delivered everything: it can be slow on a busy machine."""

UNRECOGNISED_S: Final = 10.0
"""Seconds within which the first bytes must yield sound. After the last bytes, a decoder that delivers nothing for this
long counts as stuck.
"""

LONGEST_S: Final = STT_SESSION_S
"""The maximum number of seconds of sound that are decoded, as in the service: a file of a few bytes can claim an absurd
length."""

BLOCK_VALUES: Final = 1 << 16
"""The maximum number of values decoded at a time, regardless of the rate and the channels in the header."""


class Undecodable(VoicekitError):
    """The bytes can't be decoded: their container is not supported, or they are broken."""


class TooLong(VoicekitError):
    """The audio is longer than LONGEST_S."""

    def __init__(self) -> None:
        super().__init__(f"expected at most {LONGEST_S / 60:g} minutes of sound")


class Decoder:
    """Decodes one container in a thread, which reads the bytes from a pipe and passes the audio to `deliver`."""

    def __init__(self, deliver: Callable[[bytes], Awaitable[None]], threads: trio.CapacityLimiter) -> None:
        self._deliver = deliver
        self._threads = threads
        self._read_fd, write_fd = os.pipe()
        self._pipe = trio.lowlevel.FdStream(write_fd)
        self._head = b""
        self._begun = trio.Event()
        self._any_sound = trio.Event()
        self._over = trio.Event()
        self._delivered = 0  # how many times
        self._delivering = self._ended = False
        self._fed = 0  # bytes

    async def feed(self, data: bytes) -> None:
        """Pass bytes to the decoder, and wait until it takes them. Bytes after the end of the audio are dropped."""
        if self._begun.is_set():
            await self._write(data)
            return
        self._head += data
        if len(self._head) >= HEAD_BYTES:
            await self._begin()

    async def settle(self) -> None:
        """Wait until all audio that can be decoded without further bytes has been delivered."""
        with trio.move_on_after(SETTLE_S):
            delivered = -1
            while self._begun.is_set() and not self._over.is_set() and delivered < self._delivered + self._unread():
                delivered = self._delivered
                await trio.sleep(QUIET_S)

    def _unread(self) -> int:
        """How many bytes are waiting in the pipe."""
        if self._pipe.fileno() < 0:
            return 0  # the decoder has ended
        return int.from_bytes(fcntl.ioctl(self._pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)

    async def end(self) -> None:
        """Record that no more bytes will come, and wait until all audio is delivered. Never returns if `run` fails."""
        if not self._begun.is_set():
            await self._begin()
        self._ended = True
        await self._pipe.aclose()
        await self._over.wait()

    async def run(self) -> None:
        """Decode until the end. Raises Undecodable and TooLong; if this is cancelled, the thread ends too."""
        try:
            await self._begun.wait()
            unread = unreadable(self._head)
            if unread is not None:
                os.close(self._read_fd)
                raise Undecodable(f"{unread} can't be read by this server. Send one of: {', '.join(CONTAINERS[1:])}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hold)
                what = partial(decode, self._read_fd, self._head, self._deliver_from_thread, lambda: self._fed)
                await trio.to_thread.run_sync(what, limiter=self._threads, abandon_on_cancel=True)
                nursery.cancel_scope.cancel()
            self._over.set()
        except BaseExceptionGroup as group:
            raise sole(group) from None
        finally:
            self._pipe.close()
            if not self._begun.is_set():
                os.close(self._read_fd)

    async def _hold(self) -> None:
        """Close the pipe when cancelled, or if no sound comes; otherwise the thread would wait for ever."""
        try:
            with trio.move_on_after(UNRECOGNISED_S):
                await self._any_sound.wait()
            delivered = 0
            while self._delivering or self._delivered > delivered or (delivered and not self._ended):
                delivered = self._delivered
                await trio.sleep(UNRECOGNISED_S)
        finally:
            self._pipe.close()
        raise Undecodable(f"no sound could be decoded for {UNRECOGNISED_S:g} s")

    async def _begin(self) -> None:
        self._head = mend_head(self._head)
        self._begun.set()
        await self._write(self._head)

    async def _write(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            await self._pipe.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()  # the decoder has finished or failed; if it failed, `run` raises

    def _deliver_from_thread(self, pcm: bytes) -> None:
        trio.from_thread.run(self._take, pcm)

    async def _take(self, pcm: bytes) -> None:
        self._any_sound.set()
        self._delivering = True
        await self._deliver(pcm)
        self._delivering, self._delivered = False, self._delivered + 1


def decode(fd: int, head: bytes, deliver: Callable[[bytes], None], fed: Callable[[], int]) -> None:
    """Decode all bytes from the pipe `fd`, and close it; `head` holds the first of these bytes.

    `deliver` is called with PCM16 mono at 16 kHz; `fed` returns how many bytes have been put into the pipe. Blocks.
    Raises Undecodable and TooLong, and whatever `deliver` raises.
    """
    import soundfile

    class Flowing(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
        """A file that reports that it can't seek. Otherwise soundfile would seek after each read, and fail."""

        def seekable(self) -> bool:
            return False

    looks_around = head.startswith((b"fLaC", b"ID3")) or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    try:
        with Flowing(_Tape(fd) if looks_around else fd, closefd=False) as file:
            endless = looks_around or file.format == "OGG" or file.subtype in _PLAIN
            block, before = wav_block(head), max(0, head.find(b"data") + 8)
            _deliver_all(file, deliver, (lambda: math.inf) if endless else lambda: values(fed() - before, block))
    except soundfile.LibsndfileError as error:
        raise Undecodable(f"libsndfile: {error.error_string.rstrip('.')}") from None
    except ConfigError as error:  # the file has a rate that can't be resampled
        raise Undecodable(str(error)) from None
    finally:
        os.close(fd)


def _deliver_all(file: Any, deliver: Callable[[bytes], None], most: Callable[[], float]) -> None:
    source = AudioFormat(file.samplerate, "float32")
    resampler = None if source.rate == PCM16K.rate else Resampler(source, PCM16K)
    size = max(1, min(source.samples(BLOCK_S), BLOCK_VALUES // file.channels))
    at = 0
    while at < most() and len(block := file.read(size, dtype="float32", always_2d=True)):
        if at > LONGEST_S * source.rate:
            raise TooLong
        mono = _mono(block)
        frame = AudioFrame(mono.tobytes(), at, source)
        at = frame.end
        if resampler is None:
            deliver(from_floats(mono, PCM16K))
        else:
            _deliver(resampler.feed(frame), deliver)
    if resampler is not None:
        _deliver(resampler.finish(), deliver)


def _deliver(sound: list[Any], deliver: Callable[[bytes], None]) -> None:
    pcm = b"".join(frame.pcm for frame in sound)
    if pcm:
        deliver(pcm)


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy

    mono: NDArray[np.float32] = numpy.nan_to_num(block).mean(axis=1, keepdims=True).clip(-1.0, 1.0)
    return mono


class _Tape:
    """A file on a pipe, for decoders that seek: a read waits for missing bytes, and the file seems endless."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._kept = bytearray()
        self._kept_from = 0
        self._at = 0
        self._ended = False

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: ENDLESS}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: memoryview) -> int:
        if self._at > ENDLESS // 2:  # the decoder is looking for a tag at the end of the file, but there is none
            count = max(0, min(len(into), ENDLESS - self._at))
            into[:count] = bytes(count)
        else:
            self._fetch(self._at + len(into))
            start = self._at - self._kept_from
            found = self._kept[start : start + len(into)] if start >= 0 else b""
            count = len(found)
            into[:count] = found
        self._at += count
        self._forget()
        return count

    def read(self, count: int) -> bytes:
        into = bytearray(count)
        return bytes(into[: self.readinto(memoryview(into))])

    def write(self, data: bytes) -> int:
        raise OSError("this file is read-only")

    def _fetch(self, until: int) -> None:
        while not self._ended and self._kept_from + len(self._kept) < until:
            block = os.read(self._fd, 64 * 1024)
            self._kept += block
            self._ended = not block
            self._forget()

    def _forget(self) -> None:
        """Forget old bytes, but keep BEHIND bytes before the read position."""
        spare = self._at - self._kept_from - BEHIND
        # nothing is forgotten while the decoder looks for a tag at the end of the file
        if BEHIND < spare < ENDLESS // 2:
            count = min(spare, len(self._kept))
            del self._kept[:count]
            self._kept_from += count
