"""Fast bare connections for programs that must know exactly what was sent and what was answered: no retries, no
reconnecting, every end of the stream is an exception. AMQP with windows of confirms, RESP with pipelines.

Next: amqp_wire.py, whose encoders are used here.
"""

import socket
import struct
import time

from amqp_wire import NAMES, Peer, Reader, content, method

PERSISTENT = {"delivery_mode": 2}


class Ended(Exception):
    """The server has gone, or was silent for too long."""


class AMQPLink:
    """One connection with channel 1 open. Confirms and deliveries are collected by `pump`."""

    def __init__(self, port, confirms=False):
        try:
            peer = Peer(port).open()
        except (OSError, AssertionError, TypeError, struct.error) as error:
            raise Ended(f"no AMQP session: {error!r}") from None
        self.socket, self.buffer, self.at = peer.socket, bytearray(peer.buffer), 0
        self.sent_tag, self.confirmed_tag, self.open_tags, self.refused = 0, 0, set(), []
        self.deliveries, self.replies, self.blocked, self.was_blocked = [], [], None, []
        self.partial = None
        if confirms:
            self.call("confirm.select", False)

    def close(self):
        self.socket.close()

    def send(self, raw, seconds=30):
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(raw)
        except OSError as error:
            raise Ended(repr(error)) from None

    def call(self, name, *values, seconds=20):
        """Sends a method and waits for its answer, the first method that is none of the broker's own."""
        self.send(method(1, name, *values))
        return self.reply(seconds, name)

    def reply(self, seconds, what):
        deadline = time.monotonic() + seconds
        while not self.replies:
            if time.monotonic() > deadline:
                raise Ended(f"no answer to {what} within {seconds} s")
            self.pump(0.5)
        return self.replies.pop(0)

    def declare(self, queue, arguments=None, passive=False):
        """(ready messages, consumers)"""
        name, values = self.call("queue.declare", 0, queue, passive, True, False, False, False, arguments or {})
        assert name == "queue.declare-ok", (name, values)
        return values[1], values[2]

    # Publishing with confirms.

    def publish(self, queue, bodies, properties=PERSISTENT, exchange=""):
        """Sends all, waits for nothing. On a channel with confirms each takes the next tag."""
        head = method(1, "basic.publish", 0, exchange, queue, False, False)
        first = self.sent_tag + 1
        self.sent_tag += len(bodies)
        self.open_tags.update(range(first, self.sent_tag + 1))
        self.send(b"".join(head + content(1, body, properties) for body in bodies))
        return first

    def wait_for_confirms(self, left=0, seconds=30):
        """Until at most `left` are open."""
        deadline = time.monotonic() + seconds
        while len(self.open_tags) > left:
            if time.monotonic() > deadline:
                raise Ended(f"{len(self.open_tags)} confirms did not come within {seconds} s")
            self.pump(0.5)

    # Reading.

    def pump(self, seconds):
        """Reads once and takes what is whole. False when nothing came."""
        self.socket.settimeout(max(seconds, 0.0001))
        try:
            piece = self.socket.recv(1 << 18)
        except socket.timeout:
            return False
        except OSError as error:
            raise Ended(repr(error)) from None
        if not piece:
            raise Ended("end of the stream")
        self.buffer += piece
        while len(self.buffer) - self.at >= 7:
            kind, channel, size = struct.unpack_from(">BHI", self.buffer, self.at)
            if len(self.buffer) - self.at < size + 8:
                break
            self.take(kind, bytes(self.buffer[self.at + 7:self.at + 7 + size]))
            self.at += size + 8
        if self.at > 1 << 16 or self.at == len(self.buffer):
            del self.buffer[:self.at]
            self.at = 0
        return True

    def take(self, kind, payload):
        if kind == 1:
            self.take_method(payload)
        elif kind == 2 and self.partial:
            self.partial[1] = struct.unpack_from(">Q", payload, 4)[0]
            self.finish_content()
        elif kind == 3 and self.partial:
            self.partial[2].append(payload)
            self.partial[1] -= len(payload)
            self.finish_content()

    def finish_content(self):
        if self.partial[1] == 0:
            (name, values), _, pieces = self.partial
            self.partial = None
            self.deliveries.append((name, values, b"".join(pieces)))

    def take_method(self, payload):
        name, types = NAMES[struct.unpack_from(">HH", payload)]
        values = Reader(payload[4:]).arguments(types)
        if name in ("basic.ack", "basic.nack"):
            tag, multiple = values[0], values[1]
            tags = {open_tag for open_tag in self.open_tags if open_tag <= tag} if multiple else {tag}
            self.open_tags -= tags
            if name == "basic.nack":
                self.refused.extend(tags)
        elif name in ("basic.deliver", "basic.get-ok"):
            self.partial = [(name, values), -1, []]
        elif name == "connection.blocked":
            self.blocked = values[0]
            self.was_blocked.append(values[0])
        elif name == "connection.unblocked":
            self.blocked = None
        elif name in ("connection.close", "channel.close"):
            raise Ended(f"{name} {values}")
        else:
            self.replies.append((name, values))

    # Consuming.

    def consume(self, queue, prefetch=0, no_ack=False):
        if prefetch:
            self.call("basic.qos", 0, prefetch, False)
        self.call("basic.consume", 0, queue, "", False, no_ack, False, False, {})

    def ack(self, tag, multiple=True):
        self.send(method(1, "basic.ack", tag, multiple))

    def nack(self, tag):
        self.send(method(1, "basic.nack", tag, False, True))

    def get(self, queue, seconds=20):
        """(delivery tag, redelivered, body), or None when the queue is empty."""
        self.send(method(1, "basic.get", 0, queue, False))
        deadline = time.monotonic() + seconds
        while not self.deliveries:
            if self.replies:
                name, _ = self.replies.pop(0)
                assert name == "basic.get-empty", name
                return None
            if time.monotonic() > deadline:
                raise Ended(f"no answer to basic.get within {seconds} s")
            self.pump(0.5)
        _, values, body = self.deliveries.pop(0)
        return values[0], values[1], body


class RESPError(str):
    """An error reply."""


class RESPLink:
    """RESP2. `send` and `receive` apart, so that a caller knows which commands were answered."""

    def __init__(self, port, database=0):
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        except OSError as error:
            raise Ended(repr(error)) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", 1 << 18)
        if database:
            self.call("SELECT", database)

    def close(self):
        self.stream.close()
        self.socket.close()

    @staticmethod
    def encode(*words):
        out = [b"*%d\r\n" % len(words)]
        for word in words:
            raw = word if isinstance(word, bytes) else str(word).encode()
            out.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
        return b"".join(out)

    def send(self, raw):
        try:
            self.socket.sendall(raw)
        except (OSError, ValueError) as error:
            raise Ended(repr(error)) from None

    def receive(self, seconds=30):
        try:
            self.socket.settimeout(seconds)
            return self.parse()
        except (OSError, ValueError) as error:
            raise Ended(repr(error)) from None

    def parse(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise Ended("end of the stream")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RESPError(rest.decode())
        if kind == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            raw = self.stream.read(count + 2)
            if len(raw) != count + 2:
                raise Ended("end of the stream")
            return raw[:-2]
        return [self.parse() for _ in range(count)]

    def call(self, *words, seconds=30):
        self.send(self.encode(*words))
        return self.receive(seconds)

    def pipeline(self, commands, seconds=60):
        """All at once; the replies in order."""
        self.send(b"".join(self.encode(*words) for words in commands))
        return [self.receive(seconds) for _ in commands]
