"""A daemon that a client program starts itself, because it is going to kill it: TEST_DAEMON on a folder and ports
that stay the same from one start to the next.

Next: crash.py (random kills), disk.py (disks that fill or fail).
"""

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from support import check, wait_until

BINARY = os.environ.get(
    "TEST_DAEMON", str(pathlib.Path(__file__).resolve().parents[3] / ".build" / "release" / "taskd"))  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _in_child():
    # Ends with this program, whichever way that ends (Linux, PR_SET_PDEATHSIG).
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class OwnDaemon:
    """`folder` holds data, logs and nothing else of interest."""

    def __init__(self, folder, binary=BINARY):
        self.folder, self.binary = pathlib.Path(folder), binary
        self.data = self.folder / "data"
        self.amqp_port, self.resp_port = free_port(), free_port()
        self.child, self.starts = None, 0
        self.environment = {}
        # Further options of `serve`.
        self.arguments = []

    @property
    def pid(self):
        return self.child.pid

    @property
    def log_file(self):
        return self.folder / f"daemon-{self.starts}.log"

    def launch(self, **settings):
        """Starts it and returns at once. Settings by their environment's names: log_checkpoint_bytes=…"""
        self.starts += 1
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TASKD_", "RABBITMQ_"))}
        given = {f"TASKD_{name.upper()}": str(value) for name, value in settings.items()}
        with open(self.log_file, "wb") as log:
            self.child = subprocess.Popen(
                [
                    self.binary, "serve", "--data-dir", str(self.data), "--log-level", "debug",
                    "--amqp", f"127.0.0.1:{self.amqp_port}", "--resp", f"127.0.0.1:{self.resp_port}", *map(str, self.arguments),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env={**kept, **given, **self.environment},
                preexec_fn=_in_child,
            )  # fmt: skip
        return self

    def start(self, seconds=60, **settings):
        began = time.monotonic()
        self.launch(**settings)
        try:
            wait_until(lambda: self.ended() or self.is_ready(), "the daemon's ready line", seconds, pause=0.01)
            check(not self.ended(), f"the daemon ended by itself with {self.child.returncode}")
        except BaseException:
            print(f"--- log of start {self.starts}\n{self.log()[-6000:]}\n---", flush=True)
            self.kill()
            raise
        self.start_seconds = time.monotonic() - began
        return self

    def is_ready(self):
        return " ready amqp=" in self.log()

    def ended(self):
        return self.child.poll() is not None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def log_lines(self, *levels):
        """Lines of these levels."""
        pattern = re.compile(rf"^\S+Z ({'|'.join(levels)}) ")
        return [line for line in self.log().splitlines() if pattern.match(line)]

    def kill(self):
        """SIGKILL: what the kernel has stays, everything else is gone."""
        if self.child and not self.ended():
            self.child.kill()
        if self.child:
            self.child.wait(20)

    def wait(self, seconds):
        """The exit code of a daemon that is going to end by itself."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=30):
        """SIGTERM; the exit code."""
        self.child.send_signal(signal.SIGTERM)
        code = self.wait(seconds)
        if code is None:
            self.kill()
        return code

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def disk_bytes(self):
        total = 0
        for path in self.data.rglob("*"):
            try:
                total += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        return total
