"""A connection that sees every byte of a reply's type, and a real Redis to compare with."""

import os
import shutil
import socket
import subprocess
import urllib.parse

from support import check, wait_until


class Connection:
    """Commands out, whole replies in: parsed, with the type kept, so that a null array is not a null."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.buffer = b""

    def send(self, words):
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def call(self, *words):
        self.send([w if isinstance(w, bytes) else str(w).encode() for w in words])
        return self.read()

    def fill(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionError("closed by the server")
        self.buffer += more

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"$=":
            count = int(rest)
            if count < 0:
                return (kind, None)
            while len(self.buffer) < count + 2:
                self.fill()
            text, self.buffer = self.buffer[:count], self.buffer[count + 2 :]
            return (kind, text)
        if kind in b"*~>%|":
            count = int(rest)
            if count < 0:
                return (kind, None)
            return (kind, [self.read() for _ in range(count * (2 if kind in b"%|" else 1))])
        if kind in b"+-:_,#(":
            return (kind, rest)
        raise AssertionError(f"not a reply: {line!r}")


def start_redis():
    named = os.environ.get("TEST_REDIS_URL")
    if named:
        parts = urllib.parse.urlsplit(named)
        return None, parts.hostname, parts.port or 6379
    # Debian's redis-tools has the server's program under the name of its checker, and without the service of
    # the package redis-server: the name it is started by decides what it does.
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    check(program, "redis-server or redis-tools is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    child = subprocess.Popen(arguments, executable=program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        try:
            return Connection("127.0.0.1", port).call("PING") == (b"+", b"PONG")
        except OSError:
            return False

    wait_until(answers, "redis-server answers")
    return child, "127.0.0.1", port
