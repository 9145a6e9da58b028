"""A bare AMQP 0-9-1 peer on a raw socket: sends exactly the bytes it is told, shows what comes back as text.

Knows nothing of a proper client's manners; that is its purpose. Standard library only.
Next: amqp_protocol.py, the table of behaviours that uses it.
"""

import socket
import struct
import time

# name -> (class id, method id, argument types). b bit, o octet, h short, l long, L longlong,
# s short string, S long string, T table.
METHODS = {
    "connection.start": (10, 10, "ooTSS"),
    "connection.start-ok": (10, 11, "TsSs"),
    "connection.secure": (10, 20, "S"),
    "connection.secure-ok": (10, 21, "S"),
    "connection.tune": (10, 30, "hlh"),
    "connection.tune-ok": (10, 31, "hlh"),
    "connection.open": (10, 40, "ssb"),
    "connection.open-ok": (10, 41, "s"),
    "connection.close": (10, 50, "hshh"),
    "connection.close-ok": (10, 51, ""),
    "connection.blocked": (10, 60, "s"),
    "connection.unblocked": (10, 61, ""),
    "connection.update-secret": (10, 70, "Ss"),
    "connection.update-secret-ok": (10, 71, ""),
    "channel.open": (20, 10, "s"),
    "channel.open-ok": (20, 11, "S"),
    "channel.flow": (20, 20, "b"),
    "channel.flow-ok": (20, 21, "b"),
    "channel.close": (20, 40, "hshh"),
    "channel.close-ok": (20, 41, ""),
    "access.request": (30, 10, "sbbbbb"),
    "access.request-ok": (30, 11, "h"),
    "exchange.declare": (40, 10, "hssbbbbbT"),
    "exchange.declare-ok": (40, 11, ""),
    "exchange.delete": (40, 20, "hsbb"),
    "exchange.delete-ok": (40, 21, ""),
    "exchange.bind": (40, 30, "hsssbT"),
    "exchange.bind-ok": (40, 31, ""),
    "exchange.unbind": (40, 40, "hsssbT"),
    "exchange.unbind-ok": (40, 51, ""),
    "queue.declare": (50, 10, "hsbbbbbT"),
    "queue.declare-ok": (50, 11, "sll"),
    "queue.bind": (50, 20, "hsssbT"),
    "queue.bind-ok": (50, 21, ""),
    "queue.purge": (50, 30, "hsb"),
    "queue.purge-ok": (50, 31, "l"),
    "queue.delete": (50, 40, "hsbbb"),
    "queue.delete-ok": (50, 41, "l"),
    "queue.unbind": (50, 50, "hsssT"),
    "queue.unbind-ok": (50, 51, ""),
    "basic.qos": (60, 10, "lhb"),
    "basic.qos-ok": (60, 11, ""),
    "basic.consume": (60, 20, "hssbbbbT"),
    "basic.consume-ok": (60, 21, "s"),
    "basic.cancel": (60, 30, "sb"),
    "basic.cancel-ok": (60, 31, "s"),
    "basic.publish": (60, 40, "hssbb"),
    "basic.return": (60, 50, "hsss"),
    "basic.deliver": (60, 60, "sLbss"),
    "basic.get": (60, 70, "hsb"),
    "basic.get-ok": (60, 71, "Lbssl"),
    "basic.get-empty": (60, 72, "s"),
    "basic.ack": (60, 80, "Lb"),
    "basic.reject": (60, 90, "Lb"),
    "basic.recover-async": (60, 100, "b"),
    "basic.recover": (60, 110, "b"),
    "basic.recover-ok": (60, 111, ""),
    "basic.nack": (60, 120, "Lbb"),
    "tx.select": (90, 10, ""),
    "tx.select-ok": (90, 11, ""),
    "tx.commit": (90, 20, ""),
    "tx.commit-ok": (90, 21, ""),
    "tx.rollback": (90, 30, ""),
    "tx.rollback-ok": (90, 31, ""),
    "confirm.select": (85, 10, "b"),
    "confirm.select-ok": (85, 11, ""),
}
NAMES = {(c, m): (name, types) for name, (c, m, types) in METHODS.items()}

# Basic properties by flag bit, high to low: name and type.
PROPERTIES = [
    ("content_type", "s"), ("content_encoding", "s"), ("headers", "T"), ("delivery_mode", "o"),
    ("priority", "o"), ("correlation_id", "s"), ("reply_to", "s"), ("expiration", "s"),
    ("message_id", "s"), ("timestamp", "L"), ("type", "s"), ("user_id", "s"), ("app_id", "s"),
    ("cluster_id", "s"),
]


class Typed:
    """A table value whose wire type is chosen: Typed("s", 5) is a 16-bit integer."""

    def __init__(self, tag, value):
        self.tag, self.value = tag, value


def encode_value(value):
    if isinstance(value, Typed):
        formats = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "T": ">Q",
                   "f": ">f", "d": ">d"}
        if value.tag in formats:
            return value.tag.encode() + struct.pack(formats[value.tag], value.value)
        if value.tag == "x":
            return b"x" + struct.pack(">I", len(value.value)) + value.value
        if value.tag == "D":
            return b"D" + struct.pack(">Bi", *value.value)
        raise ValueError(value.tag)
    if value is None:
        return b"V"
    if isinstance(value, bool):
        return b"t" + bytes([value])
    if isinstance(value, int):
        return b"I" + struct.pack(">i", value) if -2**31 <= value < 2**31 else b"l" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"d" + struct.pack(">d", value)
    if isinstance(value, (str, bytes)):
        raw = value.encode() if isinstance(value, str) else value
        return b"S" + struct.pack(">I", len(raw)) + raw
    if isinstance(value, (list, tuple)):
        raw = b"".join(encode_value(v) for v in value)
        return b"A" + struct.pack(">I", len(raw)) + raw
    if isinstance(value, dict):
        return b"F" + encode_table(value)
    raise ValueError(value)


def encode_table(table, prefixed=True):
    raw = b"".join(encode_short(k) + encode_value(v) for k, v in table.items())
    return struct.pack(">I", len(raw)) + raw if prefixed else raw


def encode_short(text):
    raw = text.encode() if isinstance(text, str) else text
    return bytes([len(raw)]) + raw


def encode_arguments(types, values):
    out, bits, used = b"", 0, 0
    for tag, value in zip(types, values):
        if tag == "b":
            bits |= int(bool(value)) << used
            used += 1
            continue
        if used:
            out, bits, used = out + bytes([bits]), 0, 0
        if tag == "o":
            out += bytes([value])
        elif tag in "hlL":
            out += struct.pack({"h": ">H", "l": ">I", "L": ">Q"}[tag], value)
        elif tag == "s":
            out += encode_short(value)
        elif tag == "S":
            raw = value.encode() if isinstance(value, str) else value
            out += struct.pack(">I", len(raw)) + raw
        elif tag == "T":
            out += encode_table(value or {})
    return out + bytes([bits]) if used else out


class Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def unpack(self, fmt):
        values = struct.unpack_from(fmt, self.raw, self.at)
        self.at += struct.calcsize(fmt)
        return values[0] if len(values) == 1 else values

    def bytes(self, count):
        piece = self.raw[self.at:self.at + count]
        self.at += count
        return piece

    def short(self):
        return self.bytes(self.unpack(">B")).decode("utf-8", "replace")

    def long(self):
        return self.bytes(self.unpack(">I"))

    def table(self):
        inner, result = Reader(self.long()), {}
        while inner.at < len(inner.raw):
            key = inner.short()
            result[key] = inner.value()
        return result

    def value(self):
        tag = chr(self.unpack(">B"))
        formats = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "T": ">Q",
                   "f": ">f", "d": ">d"}
        if tag in formats:
            return self.unpack(formats[tag])
        if tag == "t":
            return bool(self.unpack(">B"))
        if tag == "S":
            return self.long().decode("utf-8", "replace")
        if tag == "x":
            return self.long()
        if tag == "F":
            return self.table()
        if tag == "D":
            return self.unpack(">Bi")
        if tag == "V":
            return None
        if tag == "A":
            inner, items = Reader(self.long()), []
            while inner.at < len(inner.raw):
                items.append(inner.value())
            return items
        raise ValueError(tag)

    def arguments(self, types):
        values, bit = [], 8
        octet = 0
        for tag in types:
            if tag == "b":
                if bit == 8:
                    octet, bit = self.unpack(">B"), 0
                values.append(bool(octet >> bit & 1))
                bit += 1
                continue
            bit = 8
            values.append({
                "o": lambda: self.unpack(">B"), "h": lambda: self.unpack(">H"), "l": lambda: self.unpack(">I"),
                "L": lambda: self.unpack(">Q"), "s": self.short,
                "S": lambda: self.long().decode("utf-8", "replace"), "T": self.table,
            }[tag]())
        return values


def frame(kind, channel, payload, end=0xCE):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([end])


def method(channel, name, *values):
    class_id, method_id, types = METHODS[name]
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + encode_arguments(types, values))


def header(channel, size, properties=None, class_id=60):
    flags, raw = 0, b""
    for index, (name, tag) in enumerate(PROPERTIES):
        if properties and name in properties:
            flags |= 1 << (15 - index)
            raw += encode_arguments(tag, [properties[name]])
    return frame(2, channel, struct.pack(">HHQH", class_id, 0, size, flags) + raw)


def content(channel, body, properties=None, frame_max=131072):
    raw = header(channel, len(body), properties)
    for at in range(0, len(body), frame_max - 8):
        raw += frame(3, channel, body[at:at + frame_max - 8])
    return raw


def show(value):
    return '"%s"' % value if isinstance(value, str) else str(int(value) if isinstance(value, bool) else value)


class Peer:
    """One connection. Sends what it is told; `take` gives frames back as text."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False
        self.started = time.monotonic()

    def send(self, raw):
        try:
            self.socket.sendall(raw)
        except OSError:
            pass
        return self

    def call(self, channel, name, *values):
        return self.send(method(channel, name, *values))

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or self.ended:
            return False
        self.socket.settimeout(left)
        try:
            piece = self.socket.recv(262144)
        except socket.timeout:
            return False
        except OSError:
            piece = b""
        if not piece:
            self.ended = True
            return False
        self.buffer += piece
        return True

    def raw_bytes(self, count, timeout=5):
        """The next raw bytes, up to the end of the stream or the time."""
        deadline = time.monotonic() + timeout
        while len(self.buffer) < count and self.fill(deadline):
            pass
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def frame(self, timeout=5):
        """(type, channel, payload), or None at end or time-out."""
        deadline = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 7:
                kind, channel, size = struct.unpack(">BHI", self.buffer[:7])
                if len(self.buffer) >= size + 8:
                    payload, self.buffer = self.buffer[7:7 + size], self.buffer[size + 8:]
                    return kind, channel, payload
            if not self.fill(deadline):
                return None

    def next(self, timeout=5):
        """(name, arguments) of the next method frame on any channel, others skipped."""
        while True:
            got = self.frame(timeout)
            if got is None:
                return None
            if got[0] == 1:
                name, types = NAMES[struct.unpack(">HH", got[2][:4])]
                return name, Reader(got[2][4:]).arguments(types)

    def describe(self, got):
        kind, channel, payload = got
        if kind == 8:
            return f"{channel} heartbeat"
        if kind == 1:
            ids = struct.unpack(">HH", payload[:4])
            name, types = NAMES[ids]
            values = Reader(payload[4:]).arguments(types)
            return " ".join([str(channel), name] + [show(v) for v in values])
        if kind == 2:
            reader = Reader(payload)
            _, _, size, flags = reader.unpack(">HHQH")
            found = []
            for index, (name, tag) in enumerate(PROPERTIES):
                if flags >> (15 - index) & 1:
                    found.append(f"{name}={reader.arguments(tag)[0]}")
            return " ".join([str(channel), "header", str(size)] + found)
        shown = payload.decode("latin-1") if len(payload) <= 40 else f"<{len(payload)} bytes>"
        return f"{channel} body {shown}"

    def take(self, count=1, timeout=5, quiet=0.4):
        """The next `count` frames as text; `EOF` when the stream ends, `silence` when nothing comes."""
        seen = []
        for _ in range(count):
            got = self.frame(timeout)
            if got is not None:
                seen.append(self.describe(got))
                continue
            seen.append(self.end_text() if self.ended else "silence")
            break
        return seen

    def quiet(self, seconds=0.4):
        """`silence`, or what came instead of it."""
        return self.take(1, timeout=seconds)

    def rest(self, timeout=1.0):
        """Everything until the stream ends or pauses."""
        seen = []
        while True:
            got = self.frame(timeout)
            if got is None:
                seen.append(self.end_text() if self.ended else "silence")
                return seen
            seen.append(self.describe(got))

    def end_text(self):
        return "EOF with a partial frame" if self.buffer else "EOF"

    def reset_clock(self):
        self.started = time.monotonic()

    def end(self, timeout=15):
        """How the stream ends: what still comes, then `EOF at once` or `EOF after about N s`."""
        seen = []
        while True:
            got = self.frame(timeout)
            if got is None:
                break
            seen.append(self.describe(got))
        if not self.ended:
            return seen + ["still open"]
        took = time.monotonic() - self.started
        return seen + ["EOF at once" if took < 1.5 else f"EOF after about {round(took)} s"]

    # Manners, for rows that are about something later.

    def greet(self):
        self.send(b"AMQP\x00\x00\x09\x01")
        return self.frame()

    def login(self, user="guest", password="guest", capabilities=None, properties=None):
        table = dict(properties or {})
        table["capabilities"] = capabilities if capabilities is not None else {
            "consumer_cancel_notify": True, "authentication_failure_close": True, "connection.blocked": True,
            "basic.nack": True, "publisher_confirms": True}
        self.greet()
        self.call(0, "connection.start-ok", table, "PLAIN", f"\0{user}\0{password}", "en_US")
        return self

    def tuned(self, channel_max=2047, frame_max=131072, heartbeat=0, **login):
        self.login(**login)
        self.frame()
        self.call(0, "connection.tune-ok", channel_max, frame_max, heartbeat)
        return self

    def open(self, vhost="/", channels=(1,), **tuned):
        self.tuned(**tuned)
        self.call(0, "connection.open", vhost, "", False)
        assert self.take() == ['0 connection.open-ok ""']
        for channel in channels:
            self.call(channel, "channel.open", "")
            assert self.take() == [f'{channel} channel.open-ok ""']
        return self

    def close(self):
        self.socket.close()
