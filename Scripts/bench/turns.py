"""How long turns of the daemon's loop are: processor time from one epoll_wait to the next, written down by turn_times.c."""

import os
import pathlib
import subprocess
import time

SOURCE = pathlib.Path(__file__).with_name("turn_times.c")


class Turns:
    """Starts a server under the watch of turn_times.c; only turns of more than half a millisecond are written down."""

    def __init__(self, folder):
        self.library, self.file = folder / "turn_times.so", folder / "turns"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SOURCE), "-ldl"], check=True)

    def start(self, make):
        """What `make` returns, with the library in the environment while it runs."""
        os.environ.update(LD_PRELOAD=str(self.library), TURN_TIMES=str(self.file))
        try:
            return make()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["TURN_TIMES"]

    def longest(self, spans):
        """Milliseconds of processor time of the longest turn that ended in one of `spans`, pairs of `milliseconds()`;
        0 if all were below half a millisecond."""
        rows = [tuple(map(float, line.split())) for line in self.file.read_text().splitlines()]
        return max((row[1] for row in rows if any(first <= row[0] <= last for first, last in spans)), default=0.0)


def milliseconds():
    return time.monotonic() * 1e3
