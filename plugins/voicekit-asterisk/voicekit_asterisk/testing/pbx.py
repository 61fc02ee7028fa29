"""One Asterisk for a test: it has its own files in the chroot, its own ports on loopback, and a command line.

    with Pbx(root, extensions=DIALPLAN) as pbx:
        pbx.originate("Local/100@default", "default", "200")      calls 100, with extension 200 as the caller
        pbx.channels()                                            the names of all channels

`asterisk -rx` takes about 30 ms and blocks: from trio, call it in a thread.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final

READY_S = 30.0
STOPPED_S = 10.0
ASKED_S = 20.0
USER, PASSWORD = "voicekit", "pbx-pass"

FILES: Final = {
    "asterisk.conf": """
[directories]
astetcdir => {here}/etc
astrundir => {here}/run
astlogdir => {here}/log
astspooldir => {here}/spool
astdbdir => {here}
astmoddir => {modules}
astvarlibdir => /var/lib/asterisk
astdatadir => /usr/share/asterisk
[options]
nocolor = yes
verbose = 3
maxcalls = 100
""",
    "modules.conf": """
[modules]
autoload=yes
noload=chan_iax2.so
noload=chan_unistim.so
noload=pbx_dundi.so
noload=chan_motif.so
noload=chan_ooh323.so
noload=chan_mobile.so
noload=res_calendar.so
noload=app_voicemail_imap.so
noload=app_voicemail_odbc.so
noload=chan_dahdi.so
noload=res_xmpp.so
noload=res_snmp.so
noload=pbx_lua.so
noload=pbx_ael.so
""",
    "http.conf": "[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={http}\n",
    "ari.conf": "[general]\nenabled=yes\n[{user}]\ntype=user\nread_only=no\npassword={password}\n",
    "rtp.conf": "[general]\nrtpstart={rtp}\nrtpend={rtp_end}\nicesupport=no\nstunaddr=\n",
    "logger.conf": "[general]\n[logfiles]\nfull => notice,warning,error,verbose\n",
    "musiconhold.conf": "[default]\nmode=files\ndirectory={here}/moh\n",
    "websocket_client.conf": """
[voicekit]
type=websocket_client
uri=ws://127.0.0.1:{server}/asterisk/media
protocols=media
username=voicekit
password={password}
connection_type=per_call_config
connection_timeout=500
reconnect_attempts=4
reconnect_interval=500
tls_enabled=no
""",
    "pjsip.conf": """
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}
[phone]
type=endpoint
context=default
disallow=all
allow=ulaw
aors=phone
transport=udp
rtp_symmetric=yes
direct_media=no
[phone]
type=aor
contact=sip:phone@127.0.0.1:{phone}
[phone]
type=identify
endpoint=phone
match=127.0.0.1
""",
}


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A loopback port on which nothing is listening at the moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pbx:
    """One Asterisk. `http` and `sip` are its ports, `phone` is the phone's port, and `server` and `audio` are
    voicekit's two ports.
    """

    def __init__(
        self, root: Path, *, extensions: str, files: dict[str, str] | None = None, music: Path | None = None
    ) -> None:
        """In `extensions`, SERVER and AUDIO stand for voicekit's two ports, and SOUNDS for the folder of sounds.

        `music` is the music on hold, a WAV file at 8 kHz.
        """
        self.root = root
        self.here = Path(tempfile.mkdtemp(prefix="pbx-", dir=_folder(root)))
        self.http, self.server, self.audio = free_port(), free_port(), free_port()
        self.sip, self.phone = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        self._extensions = extensions
        self._files = {**FILES, **(files or {})}
        self._music = music
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ari(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Pbx:
        self._write()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is None:
            shutil.rmtree(self.here, ignore_errors=True)

    def start(self) -> None:
        """Start or restart Asterisk. Returns once it has booted. Raises TimeoutError after READY_S."""
        command = ["chroot", str(self.root), "asterisk", "-f", "-C", f"{self._inside}/etc/asterisk.conf"]
        with (self.here / "console").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/")
        booted = subprocess.run(
            ["chroot", str(self.root), "sh", "-c", _UNTIL_BOOTED.format(conf=f"{self._inside}/etc/asterisk.conf")],
            capture_output=True,
            timeout=READY_S,
            check=False,
        )
        if booted.returncode or self._process.poll() is not None:
            raise TimeoutError(f"Asterisk did not boot: {(self.here / 'console').read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """End Asterisk abruptly, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOPPED_S)

    def ask(self, command: str) -> str:
        """Run `command` on Asterisk's command line, and return its output."""
        conf = f"{self._inside}/etc/asterisk.conf"
        asked = ["chroot", str(self.root), "asterisk", "-C", conf, "-rx", command]
        return subprocess.run(asked, capture_output=True, text=True, timeout=ASKED_S, check=False).stdout

    def version(self) -> str:
        return self.ask("core show version").split(" built")[0].strip()

    def originate(self, channel: str, context: str, extension: str) -> None:
        """Call `channel`, and connect it to the dialplan's `extension` once it answers. Returns immediately."""
        self.ask(f"channel originate {channel} extension {extension}@{context}")

    def channels(self) -> list[str]:
        lines = self.ask("core show channels concise").splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]

    def bridges(self) -> list[str]:
        lines = self.ask("bridge show all").splitlines()[1:]
        return [line.split()[0] for line in lines if line.strip() and not line.startswith("Bridge-ID")]

    def open_files(self) -> list[str]:
        """The target of each file descriptor that Asterisk has open."""
        folder = Path(f"/proc/{self.pid}/fd")
        found = []
        for entry in folder.iterdir():
            try:
                found.append(os.readlink(entry))
            except OSError:  # the descriptor has just been closed
                continue
        return found

    def sound(self, name: str) -> Path:
        """The path, outside the chroot, of the recording or prompt that the dialplan calls SOUNDS/name."""
        return self.here / "sounds" / name

    def recording(self, name: str) -> Path:
        """The path of a recording. Blocks until Asterisk has closed the file, which is some time after the channel
        ends.
        """
        deadline = time.monotonic() + STOPPED_S
        while any(file.endswith(f"/sounds/{name}") for file in self.open_files()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Asterisk has not closed its recording {name}")
            time.sleep(0.02)
        return self.sound(name)

    def log(self) -> str:
        return (self.here / "log" / "full").read_text(errors="replace")

    @property
    def _inside(self) -> str:
        """The path of this Asterisk's folder inside the chroot."""
        return f"/{self.here.relative_to(self.root)}"

    def _write(self) -> None:
        for name in ("etc", "run", "log", "spool", "sounds", "moh"):
            (self.here / name).mkdir()
        if self._music is not None:
            shutil.copy(self._music, self.here / "moh" / "music.wav")
        found = re.compile("/asterisk/modules$")
        modules = next(path for path in (self.root / "usr/lib").rglob("modules") if found.search(str(path)))
        rtp = 20_000 + self.http % 20_000 // 200 * 200
        values = {
            "here": self._inside, "modules": f"/{modules.relative_to(self.root)}", "http": self.http, "sip": self.sip,
            "phone": self.phone, "server": self.server, "user": USER, "password": PASSWORD, "rtp": rtp,
            "rtp_end": rtp + 199,
        }  # fmt: skip
        for name, text in self._files.items():
            (self.here / "etc" / name).write_text(text.lstrip().format(**values), encoding="utf-8")
        extensions = self._extensions
        for name, value in {"SOUNDS": f"{self._inside}/sounds", "SERVER": self.server, "AUDIO": self.audio}.items():
            extensions = extensions.replace(name, str(value))
        (self.here / "etc" / "extensions.conf").write_text(extensions, encoding="utf-8")


_UNTIL_BOOTED = (
    "n=0; until asterisk -C {conf} -rx 'core waitfullybooted' 2>/dev/null | grep -q 'fully booted'; "
    "do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done"
)


def _folder(root: Path) -> Path:
    folder = root / "srv"
    folder.mkdir(exist_ok=True)
    return folder
