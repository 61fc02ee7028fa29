"""A SIP phone for tests: baresip, which calls an Asterisk over loopback, plays files as its speech, and records both
sides.

with Phone(port=5090) as phone:
    phone.dial("sip:100@127.0.0.1:5070")
    phone.speak(Path("question.wav"))          8 kHz, mono, with silence for the rest of the call
    phone.hang_up()
phone.heard                                    the sound received, as a WAV file; phone.said is the sound sent
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from voicekit_asterisk.testing.pbx import free_port

READY_S: Final = 10.0
ASKED_S: Final = 5.0

CONFIG: Final = """
poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_player aubridge,nowhere
audio_source aufile,{silence}
audio_alert aubridge,nowhere
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_txmode thread
rtp_ports {rtp}-{rtp_end}
jitter_buffer_type fixed
jitter_buffer_delay 1-10
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {here}
"""


class Phone:
    """A phone that listens for SIP on the loopback port `port`. Its methods block; from trio, call them in a thread."""

    def __init__(self, port: int, silence: Path) -> None:
        self.port = port
        self.here = Path(tempfile.mkdtemp(prefix="phone-"))
        self._silence = silence
        self._control = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Phone:
        rtp = 40_000 + self.port % 10_000 * 2
        values = {"rtp": rtp, "rtp_end": rtp + 20, "control": self._control, "here": self.here, "port": self.port}
        config = CONFIG.format(silence=self._silence, **values).lstrip()
        (self.here / "config").write_text(config, encoding="utf-8")
        account = "<sip:phone@127.0.0.1>;regint=0;audio_codecs=pcmu/8000/1;answermode=manual\n"
        (self.here / "accounts").write_text(account, encoding="utf-8")
        (self.here / "contacts").write_text("", encoding="utf-8")
        with (self.here / "console").open("wb") as out:
            command = ["baresip", "-f", str(self.here)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._connect().close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(READY_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def remove(self) -> None:
        """Remove the phone's files, including its recordings."""
        shutil.rmtree(self.here, ignore_errors=True)

    def dial(self, address: str) -> None:
        self.order("dial", address)

    def speak(self, sound: Path) -> None:
        """Play the file `sound` to the other side, instead of the file that is playing now."""
        self.order("ausrc", f"aufile,{sound}")

    def hang_up(self) -> None:
        self.order("hangup")

    def press(self, key: str) -> None:
        self.order("sndcode", key)

    @property
    def heard(self) -> Path:
        return self._recording("dec")

    @property
    def said(self) -> Path:
        return self._recording("enc")

    def order(self, command: str, params: str = "") -> str:
        """Send a command to baresip, and return the answer."""
        order = json.dumps({"command": command, "params": params, "token": "t"})
        with self._connect() as connection:
            connection.sendall(f"{len(order)}:{order},".encode())
            return connection.recv(4096).decode("utf-8", "replace")

    def console(self) -> str:
        return (self.here / "console").read_text(encoding="utf-8", errors="replace")

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self._control), timeout=ASKED_S)
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the phone is not listening: {self.console()[-2000:]}") from None
                time.sleep(0.05)

    def _recording(self, side: str) -> Path:
        found = sorted(self.here.glob(f"dump-*-{side}.wav"))
        if not found:
            raise FileNotFoundError(f"the phone recorded nothing: {self.console()[-2000:]}")
        return found[-1]
