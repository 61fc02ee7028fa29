"""Decodes sound in a container (WAV, FLAC, Ogg, MP3 ...) while it is still arriving, in a thread that may wait for it.

libsndfile reads most containers from a pipe, as they come. FLAC and MP3 it wants to look around in: those get a file
object over the same pipe that remembers enough, and pretends to be endless.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from voicekit.audio.codec import from_floats
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.audio.resample import Resampler
from voicekit.errors import ConfigError, VoicekitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONTAINERS: Final = ("auto", "aiff", "flac", "mp3", "ogg", "wav")
"""Those of the service's that libsndfile reads."""

HEAD_BYTES: Final = 64
"""Bytes that tell what kind of container it is; with the RIFF header of the usual shape whole among them."""

BLOCK_S: Final = 0.05
"""Seconds of sound decoded at a time: less than a recogniser looks at."""

ENDLESS: Final = 1 << 40
"""Bytes that a file is said to have whose end is not there yet."""

BEHIND: Final = 1 << 20
"""Bytes kept behind the place of reading: decoders look back by a few frames."""


QUIET_S: Final = 0.1
"""Seconds without new sound after which a decoder that has read everything holds nothing back that it need not."""

SETTLE_S: Final = 3.0
"""Seconds that may be waited for that, at most: on a busy machine decoders take their time."""

UNRECOGNISED_S: Final = 10.0
"""Seconds after the first bytes by which there must have been sound."""


class Undecodable(VoicekitError):
    """The bytes are of no container that can be read; `recognised` says whether they began like one."""

    def __init__(self, message: str, recognised: bool) -> None:
        super().__init__(message)
        self.recognised = recognised


class Decoder:
    """Decodes one container in a thread; `deliver` gets its sound and may wait. Bytes are fed through a pipe."""

    def __init__(self, deliver: Callable[[bytes], Awaitable[None]], threads: trio.CapacityLimiter) -> None:
        self._deliver = deliver
        self._threads = threads
        self._read_fd, write_fd = os.pipe()
        self._pipe = trio.lowlevel.FdStream(write_fd)
        self._head = b""
        self._begun = trio.Event()
        self._any_sound = trio.Event()
        self._over = trio.Event()
        self._delivered = 0  # times

    async def feed(self, data: bytes) -> None:
        """Pass bytes on; waits for the decoder to take them. Those behind the end of the sound are dropped."""
        if self._begun.is_set():
            await self._write(data)
            return
        self._head += data
        if len(self._head) >= HEAD_BYTES:
            await self._begin()

    async def settle(self) -> None:
        """Wait until what was fed has come out, as far as it can without what comes next."""
        with trio.move_on_after(SETTLE_S):
            delivered = -1
            while self._begun.is_set() and not self._over.is_set() and delivered < self._delivered + self._unread():
                delivered = self._delivered
                await trio.sleep(QUIET_S)

    def _unread(self) -> int:
        """Bytes that wait in the pipe."""
        return int.from_bytes(fcntl.ioctl(self._pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)

    async def end(self) -> None:
        """No more bytes will come: wait for the last of the sound to be delivered."""
        if not self._begun.is_set():
            await self._begin()
        await self._pipe.aclose()
        await self._over.wait()

    async def run(self) -> None:
        """Decode until the end. Raises Undecodable; when cancelled, the thread ends too."""
        try:
            await self._begun.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hold)
                await trio.to_thread.run_sync(
                    decode, self._read_fd, self._head, self._deliver_from_thread, limiter=self._threads
                )
                nursery.cancel_scope.cancel()
        finally:
            self._pipe.close()
            if not self._begun.is_set():
                os.close(self._read_fd)
            self._over.set()

    async def _hold(self) -> None:
        """Close the pipe when cancelled, for which the thread would wait for ever; and when there is no sound."""
        try:
            with trio.move_on_after(UNRECOGNISED_S):
                await self._any_sound.wait()
            if self._any_sound.is_set():
                await trio.sleep_forever()
        finally:
            self._pipe.close()
        raise Undecodable("no sound came out of it", recognised=False)

    async def _begin(self) -> None:
        self._head = mend_head(self._head)
        self._begun.set()
        await self._write(self._head)

    async def _write(self, data: bytes) -> None:
        try:
            await self._pipe.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()  # the decoder has had enough, or failed, which `run` raises

    def _deliver_from_thread(self, pcm: bytes) -> None:
        trio.from_thread.run(self._take, pcm)

    async def _take(self, pcm: bytes) -> None:
        self._any_sound.set()
        self._delivered += 1
        await self._deliver(pcm)


def mend_head(head: bytes) -> bytes:
    """`head` with the length of a WAV that was written to a pipe, and says 0, made endless."""
    at = head.find(b"data") if head.startswith(b"RIFF") else -1
    if at < 0 or head[at + 4 : at + 8] != bytes(4):
        return head
    return head[: at + 4] + struct.pack("<I", 0xFFFF_FFFF) + head[at + 8 :]


def decode(fd: int, head: bytes, deliver: Callable[[bytes], None]) -> None:
    """Decode what comes out of the pipe `fd`, which begins with `head`, until its end; closes the pipe.

    `deliver` is called with PCM16 mono at 16 kHz. Blocks; raises Undecodable, and what `deliver` raises.
    """
    import soundfile

    class Flowing(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
        """A file in which nothing is sought: soundfile would, after each read, and fail where the length is unknown."""

        def seekable(self) -> bool:
            return False

    looks_around = head.startswith((b"fLaC", b"ID3")) or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    opened = False
    try:
        with Flowing(_Tape(fd) if looks_around else fd, closefd=False) as file:
            opened = True
            _deliver_all(file, deliver)
    except soundfile.LibsndfileError as error:
        raise Undecodable(f"libsndfile: {error.error_string}", opened) from None
    except ConfigError as error:  # a rate that nobody resamples
        raise Undecodable(str(error), True) from None
    finally:
        os.close(fd)


def _deliver_all(file: Any, deliver: Callable[[bytes], None]) -> None:
    source = AudioFormat(file.samplerate, "float32")
    resampler = None if source.rate == PCM16K.rate else Resampler(source, PCM16K)
    at = 0
    while len(block := file.read(source.samples(BLOCK_S), dtype="float32", always_2d=True)):
        mono = _mono(block)
        if resampler is None:
            deliver(from_floats(mono, PCM16K))
            continue
        frame = AudioFrame(mono.tobytes(), at, source)
        at = frame.end
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
    """A file over a pipe for decoders that seek: what is not there yet is waited for, and the end is far away."""

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
        if self._at > ENDLESS // 2:  # a tag at the end is looked for: there is none
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
        raise OSError("this file is only read")

    def _fetch(self, until: int) -> None:
        while not self._ended and self._kept_from + len(self._kept) < until:
            block = os.read(self._fd, 64 * 1024)
            self._kept += block
            self._ended = not block

    def _forget(self) -> None:
        spare = self._at - self._kept_from - BEHIND
        if BEHIND < spare <= len(self._kept):
            del self._kept[:spare]
            self._kept_from += spare
