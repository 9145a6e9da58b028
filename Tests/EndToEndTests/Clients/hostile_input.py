"""Hostile bytes on both ports, a bounded number of rounds: no crash, no growth, other connections unharmed.

TEST_SEED replays a run; TEST_ROUNDS is the number of rounds of each scenario. With TEST_DAEMON_PID the daemon's
memory and open descriptors are watched.
"""

import os
import random
import select
import socket
import struct
import time

import pika
import redis
from support import AMQP_HOST, AMQP_PORT, RESP_HOST, RESP_PORT, check, equal, main, scenario, unique, wait_until

SEED = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(2**32))
ROUNDS = int(os.environ.get("TEST_ROUNDS", 150))
PID = os.environ.get("TEST_DAEMON_PID")
GROWTH_MAX = 48 << 20
AMQP, RESP = (AMQP_HOST, AMQP_PORT), (RESP_HOST, RESP_PORT)


# The bytes of AMQP, as small as they get.


def frame(kind, channel, payload, size=None, end=b"\xce"):
    return struct.pack(">BHI", kind, channel, len(payload) if size is None else size) + payload + end


def method(channel, class_id, method_id, arguments=b""):
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


def short(text):
    return struct.pack(">B", len(text)) + text


def table(content, size=None):
    return struct.pack(">I", len(content) if size is None else size) + content


HEADER = b"AMQP\x00\x00\x09\x01"
START_OK = method(0, 10, 11, table(b"") + short(b"PLAIN") + table(b"\0guest\0guest") + short(b"en_US"))
TUNE_OK = method(0, 10, 31, struct.pack(">HIH", 2047, 131072, 0))
OPEN = method(0, 10, 40, short(b"/") + short(b"") + b"\0")
SESSION = HEADER + START_OK + TUNE_OK + OPEN + method(1, 20, 10, short(b""))


def declare(arguments, name=b""):
    return method(1, 50, 10, struct.pack(">H", 0) + short(name) + b"\x08" + arguments)


def publish(body_size, properties=b"\0\0", body=b""):
    return (
        method(1, 60, 40, struct.pack(">H", 0) + short(b"") + short(b"nowhere") + b"\0")
        + frame(2, 1, struct.pack(">HHQ", 60, 0, body_size) + properties)
        + body
    )


def nested(kind, depth):
    """A table in a table, or an array in an array, so deep that a recursive reader runs out of stack."""
    content = b""
    for _ in range(depth):
        content = (short(b"k") if kind == b"F" else b"") + kind + table(content)
    return table(content if kind == b"F" else short(b"k") + b"A" + table(content))


AMQP_CASES = {
    "random bytes": lambda random: random.randbytes(random.randrange(1, 3_000)),
    "random after the header": lambda random: HEADER + random.randbytes(random.randrange(1, 3_000)),
    "random after the handshake": lambda random: SESSION + random.randbytes(random.randrange(1, 3_000)),
    "nearly a frame": lambda random: SESSION
    + frame(random.choice([0, 1, 2, 3, 4, 8, 255]), random.randrange(3), random.randbytes(random.randrange(40)),
            end=random.choice([b"\xce", b"\0", b""])),
    "frame of 4 GiB": lambda random: SESSION + frame(1, 1, b"x" * 100, size=0xFFFFFFFF),
    "frame over the limit": lambda random: SESSION + frame(3, 1, b"x" * 131_070),
    "frame of 4 GiB before the login": lambda random: HEADER + frame(1, 0, b"x", size=0xFFFFFFF0),
    "deep tables": lambda random: SESSION + declare(nested(b"F", random.randrange(100, 12_000))),
    "deep arrays": lambda random: SESSION + declare(nested(b"A", random.randrange(100, 12_000))),
    "deep tables before the login": lambda random: HEADER
    + method(0, 10, 11, nested(b"F", 1_000) + short(b"PLAIN") + table(b"\0guest\0guest") + short(b"en_US")),
    "deep headers": lambda random: SESSION + publish(0, b"\x20\x00" + nested(b"F", 12_000)),
    "table longer than its frame": lambda random: SESSION + declare(table(b"\x01kS", size=random.randrange(2**32))),
    "long string longer than its table": lambda random: SESSION
    + declare(table(b"\x01kS" + struct.pack(">I", random.randrange(2**32)) + b"x")),
    "unknown field type": lambda random: SESSION + declare(table(b"\x01k" + random.randbytes(9))),
    "method cut short": lambda random: SESSION + frame(1, 1, struct.pack(">HH", 50, 10) + random.randbytes(3)),
    "unknown method": lambda random: SESSION
    + method(random.randrange(2), random.randrange(200), random.randrange(130), random.randbytes(20)),
    "body of 2⁶³": lambda random: SESSION + publish(random.choice([2**63, 2**64 - 1, 2**62])) + frame(3, 1, b"x" * 1_000) * 5,
    "more body than announced": lambda random: SESSION + publish(3, body=frame(3, 1, b"x" * 50)),
    "endless property flags": lambda random: SESSION + publish(0, b"\xff\xff" * 60),
    "content out of order": lambda random: SESSION
    + b"".join(random.choice([frame(2, 1, random.randbytes(16)), frame(3, 1, b"x"), publish(10)]) for _ in range(4)),
    "every channel": lambda random: SESSION
    + b"".join(method(channel, 20, 10, short(b"")) for channel in range(2, 2_050)),
    "a frame cut short": lambda random: (SESSION + publish(5, body=frame(3, 1, b"hello")))[: random.randrange(8, 250)],
    "bytes flipped": lambda random: flipped(
        SESSION + declare(table(b"")) + publish(5, body=frame(3, 1, b"hello")) * 20, random, start=8),
    "a slow login": lambda random: HEADER + frame(1, 0, b"x" * 7_000, size=7_900),
}  # fmt: skip


def flipped(data, random, start=0):
    data = bytearray(data)
    for _ in range(random.randrange(1, 12)):
        data[random.randrange(start, len(data))] = random.randrange(256)
    return bytes(data)


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


RESP_CASES = {
    "random bytes": lambda random: random.randbytes(random.randrange(1, 3_000)),
    "random lines": lambda random: b"\r\n".join(random.randbytes(random.randrange(30)) for _ in range(50)),
    "array of 2³¹": lambda random: b"*%d\r\n" % random.choice([2**31, 2**63, 10**30, 1_048_577]),
    "array of a million": lambda random: b"*1048576\r\n$3\r\nSET\r\n",
    "negative lengths": lambda random: b"*-2\r\n*2\r\n$-1\r\n$-5\r\n" + command(b"PING"),
    "string of 4 GiB": lambda random: b"*2\r\n$3\r\nGET\r\n$%d\r\n" % random.choice([2**32, 2**63, 536_870_913, 10**25]),
    "string of 512 MiB, not sent": lambda random: b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nx",
    "lengths that are no numbers": lambda random: random.choice(
        [b"*x\r\n", b"*1\r\n$x\r\n", b"*1\r\n$ 4\r\nPING\r\n", b"*+1\r\n", b"*1\r\n$4", b"*01\r\n$04\r\nPING\r\n", b"*1\r\n:4\r\n"]),
    "no end of line": lambda random: b"x" * 100_000,
    "no end of a length": lambda random: b"*" + b"1" * 100_000,
    "unbalanced quotes": lambda random: b'SET "a b\r\nSET \'\r\nSET "a"b\r\n',
    "wrong end of a string": lambda random: b"*1\r\n$4\r\nPINGxx" + random.randbytes(20),
    "a request cut short": lambda random: (command(b"SET", b"hostile", b"x" * 50) * 3)[: random.randrange(1, 150)],
    "bytes flipped": lambda random: flipped(
        command(b"HSET", b"hostile:h", b"f", b"v") * 10 + command(b"ZADD", b"hostile:z", b"1.5", b"m") * 10, random),
    "commands with absurd numbers": lambda random: b"".join(
        command(*words) for words in (
            [b"SETRANGE", b"hostile:s", b"9223372036854775807", b"x"], [b"SETBIT", b"hostile:b", b"99999999999", b"1"],
            [b"LRANGE", b"hostile:l", b"-9223372036854775808", b"9223372036854775807"],
            [b"LPOP", b"hostile:l", b"9223372036854775807"], [b"SCAN", b"18446744073709551615", b"COUNT", b"9223372036854775807"],
            [b"EXPIRE", b"hostile:s", b"9223372036854775807"], [b"SRANDMEMBER", b"hostile:x", b"-9223372036854775808"],
            [b"INCRBY", b"hostile:n", b"-9223372036854775808"], [b"DECRBY", b"hostile:n", b"-9223372036854775808"],
            [b"ZADD", b"hostile:z", b"nan", b"m"], [b"INCRBYFLOAT", b"hostile:f", b"1e400"], [b"GETRANGE", b"hostile:n", b"-9", b"-99"],
            [b"BLPOP", b"hostile:q", b"1e300"], [b"HELLO", b"999999999999"], [b"SELECT", b"-1"], [b"OBJECT"],
        )),
    "a script that hurts": lambda random: command(b"EVAL", random.choice([
        b"local t = {} for i = 1, 200 do t = {t} end return t", b"return string.rep('x', 1000000)",
        b"return redis.call('EVAL', 'return 1', 0)", b"error({})", b"return redis.call()", b"return setmetatable({}, {__index = error})",
        b"return string.dump(function() end)", b"local function f() return f() + 1 end return f()", b"return cjson.decode(string.rep('[', 5000))",
        b"return cmsgpack.unpack('\\255\\255\\255\\255')", b"return struct and struct.unpack('>I4', 'x')",
    ]), b"0"),
    "nested transactions": lambda random: command(b"MULTI") * 3 + command(b"WATCH", b"k") + command(b"NOSUCH") + command(b"EXEC") * 2,
}  # fmt: skip


def attack(address, data, random):
    """Sends, perhaps in two pieces, reads what comes for a moment, and leaves in one of three ways."""
    with socket.create_connection(address, 10) as peer:
        peer.settimeout(5)
        cut = random.randrange(len(data) + 1) if random.random() < 0.3 else len(data)
        try:
            peer.sendall(data[:cut])
            if cut < len(data):
                time.sleep(0.002)
                peer.sendall(data[cut:])
            leave = random.randrange(3)
            if leave == 0:
                peer.shutdown(socket.SHUT_WR)
            while leave != 1 and select.select([peer], [], [], 0.02)[0] and peer.recv(1 << 20):
                pass
            if leave == 1:  # with a reset
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # the server has had enough: its right


def memory():
    if not PID:
        return 0
    with open(f"/proc/{PID}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd")) if PID else 0


class Bystander:
    """One ordinary connection of each kind, open all the time, that must not notice anything."""

    def __init__(self):
        self.name = unique("bystander")
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, heartbeat=0))
        self.channel = self.connection.channel()
        self.channel.queue_declare(self.name, auto_delete=True)
        self.store = redis.Redis(RESP_HOST, RESP_PORT, 9, socket_timeout=10)
        self.client = self.store.client_id()
        self.count = 0

    def works(self):
        self.count += 1
        body = str(self.count).encode()
        self.channel.basic_publish("", self.name, body)
        method, _, got = self.channel.basic_get(self.name, auto_ack=True)
        equal(got, body, "the bystander's message")
        equal(int(self.store.incr(self.name)), self.count, "the bystander's counter")
        equal(self.store.client_id(), self.client, "the bystander's connection is still its first")

    def end(self):
        self.store.delete(self.name)
        self.channel.queue_delete(self.name)
        self.connection.close()


def rounds(address, cases):
    print(f"TEST_SEED={SEED} TEST_ROUNDS={ROUNDS}", flush=True)
    generator = random.Random(SEED)
    bystander = Bystander()
    for make in cases.values():  # warm up: first uses grow buffers that stay
        attack(address, make(generator), generator)
    before, open_before = memory(), descriptors()
    for number in range(ROUNDS):
        name = list(cases)[number % len(cases)]
        data = cases[name](generator)
        try:
            attack(address, data, generator)
            if number % 5 == 0:
                bystander.works()
        except BaseException:
            print(f"in round {number}: {name}: {data[:200]!r}… of {len(data)} bytes", flush=True)
            raise
    bystander.works()
    growth = memory() - before
    check(growth < GROWTH_MAX, f"the daemon's memory grew by {growth >> 20} MiB")
    wait_until(lambda: descriptors() <= open_before + 5, "the daemon to close its sockets", 15)
    bystander.end()


@scenario
def amqp():
    rounds(AMQP, AMQP_CASES)


@scenario
def resp():
    rounds(RESP, RESP_CASES)


@scenario
def held_open():
    """Half requests on many connections at once: what is promised but not sent must cost nothing."""
    bystander = Bystander()
    before = memory()
    peers = []
    for number in range(200):
        peer = socket.create_connection(RESP if number % 2 else AMQP, 10)
        if number % 2:
            peer.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nx" if number % 4 == 1 else b"*1048576\r\n$1\r\nx")
        else:
            peer.sendall(SESSION + publish(2**40) if number % 4 == 2 else HEADER + frame(1, 0, b"x" * 3_000, size=8_000))
        peers.append(peer)
    time.sleep(0.5)
    bystander.works()
    growth = memory() - before
    check(growth < GROWTH_MAX, f"200 half requests cost {growth >> 20} MiB")
    for peer in peers:
        peer.close()
    bystander.works()
    bystander.end()


main()
