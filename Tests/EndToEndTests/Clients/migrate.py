"""MIGRATE between the daemon and a real Redis (of Debian: 7.0), both ways, and what it says when it cannot.

Starts a redis-server of its own unless TEST_REDIS_URL names one.
"""

import contextlib
import socket
import threading
import time

from redis_wire import Connection, start_redis
from support import RESP_HOST, RESP_PORT, check, equal, main, scenario, unique, wait_until

OK = (b"+", b"OK")
TIMEOUT = 5_000


@contextlib.contextmanager
def both():
    """The daemon, then Redis: a connection and its address."""
    child, host, port = start_redis()
    try:
        yield (Connection(RESP_HOST, RESP_PORT), "127.0.0.1", RESP_PORT), (Connection(host, port), host, port)
    finally:
        if child:
            child.kill()
            child.wait()


def fill(server, prefix):
    """A key of every type, small and large; returns how to look at each."""
    long = [str(n) for n in range(600)]
    commands = {
        "string": [["SET", "text"]], "number": [["SET", "12345"]], "long": [["SET", "x" * 100_000]],
        "list": [["RPUSH", *"abc"]], "longlist": [["RPUSH", *long]],
        "set": [["SADD", "a", "b"]], "numbers": [["SADD", "1", "2"]], "longset": [["SADD", *(f"m{n}" for n in long)]],
        "hash": [["HSET", "f", "v", "g", "1"]], "longhash": [["HSET", *(w for n in long for w in (n, n))]],
        "zset": [["ZADD", "1.5", "a", "-2", "b"]], "longzset": [["ZADD", *(w for n in long for w in (n, "m" + n))]],
        "stream": [["XADD", "1-1", "f", "v"], ["XGROUP", "g"]], "log": [["PFADD", "a", "b"]],
        "empty": [["SET", ""]], "bytes": [["SET", b"\x00\xff\r\n"]],
    }
    for name, all_words in commands.items():
        for words in all_words:
            key = f"{prefix}-{name}"
            request = ["XGROUP", "CREATE", key, "g", "0"] if words[0] == "XGROUP" else [words[0], key, *words[1:]]
            check(server.call(*request)[0] != b"-", f"{request[:3]} is taken")
    return [f"{prefix}-{name}" for name in commands]


VIEWS = {
    b"string": ["GET"], b"list": ["LRANGE", "0", "-1"], b"set": ["SMEMBERS"], b"hash": ["HGETALL"],
    b"zset": ["ZRANGE", "0", "-1", "WITHSCORES"], b"stream": ["XRANGE", "-", "+"],
}


def contents(server, keys):
    found = {}
    for key in keys:
        kind = server.call("TYPE", key)[1]
        if kind == b"none":
            continue
        command, *rest = VIEWS[kind]
        value = server.call(command, key, *rest)[1]
        # Neither sets nor hashes have an order.
        if kind in (b"set", b"hash"):
            step = 1 if kind == b"set" else 2
            value = sorted(repr(value[index : index + step]) for index in range(0, len(value), step))
        found[key] = (kind, value)
    return found


def moves(source, target, prefix):
    connection, _, _ = source
    other, host, port = target
    keys = fill(connection, prefix)
    before = contents(connection, keys)
    equal(len(before), len(keys), "keys that are there")
    equal(connection.call("PEXPIRE", keys[0], "100000"), (b":", b"1"))
    equal(connection.call("MIGRATE", host, port, "", 0, TIMEOUT, "COPY", "KEYS", *keys), OK, "with COPY")
    equal(contents(connection, keys), before, "what is still here")
    equal(contents(other, keys), before, "what is there")
    left = int(other.call("PTTL", keys[0])[1])
    check(50_000 < left <= 100_000, f"the expiry goes along: {left}")
    equal(other.call("PTTL", keys[1]), (b":", b"-1"))
    busy = (b"-", b"ERR Target instance replied with error: BUSYKEY Target key name already exists.")
    equal(connection.call("MIGRATE", host, port, keys[1], 0, TIMEOUT), busy)
    equal(connection.call("EXISTS", keys[1]), (b":", b"1"), "a key that was refused is still here")
    equal(connection.call("MIGRATE", host, port, keys[1], 0, TIMEOUT, "REPLACE"), OK)
    # Some of them are refused: the others go.
    other.call("DEL", keys[2])
    equal(connection.call("MIGRATE", host, port, "", 0, TIMEOUT, "KEYS", keys[2], keys[3], "none"), busy)
    equal(sorted(contents(connection, keys[1:4])), [keys[3]])
    other.call("DEL", *keys)
    equal(connection.call("SET", keys[1], "12345"), OK)
    equal(connection.call("SET", keys[2], "x" * 100_000), OK)
    equal(connection.call("MIGRATE", host, port, "", 3, TIMEOUT, "KEYS", *keys), OK, "to another database")
    equal(contents(connection, keys), {}, "what is still here")
    equal(contents(other, keys), {}, "what is in database 0")
    other.call("SELECT", 3)
    equal(contents(other, keys), before, "what is in database 3")
    other.call("DEL", *keys)
    other.call("SELECT", 0)


@scenario
def to_redis():
    with both() as (ours, theirs):
        moves(ours, theirs, unique("migrate"))


@scenario
def from_redis():
    with both() as (ours, theirs):
        moves(theirs, ours, unique("migrate"))


@scenario
def with_passwords():
    with both() as (ours, (redis, host, port)):
        connection = ours[0]
        key = unique("migrate")
        redis.call("ACL", "SETUSER", "mover", "on", ">secret", "~*", "+@all")
        redis.call("CONFIG", "SET", "requirepass", "word")
        connection.call("SET", key, "v")
        refused = b"ERR Target instance replied with error: "
        equal(connection.call("MIGRATE", host, port, key, 0, TIMEOUT)[1], refused + b"NOAUTH Authentication required.")
        wrong = connection.call("MIGRATE", host, port, key, 0, TIMEOUT, "AUTH", "wrong")[1]
        check(wrong.startswith(refused + b"WRONGPASS"), wrong)
        equal(connection.call("EXISTS", key), (b":", b"1"))
        equal(connection.call("MIGRATE", host, port, key, 0, TIMEOUT, "COPY", "AUTH", "word"), OK)
        equal(connection.call("MIGRATE", host, port, key, 0, TIMEOUT, "REPLACE", "AUTH2", "mover", "secret"), OK)
        equal(connection.call("EXISTS", key), (b":", b"0"))


@contextlib.contextmanager
def peer(behave):
    """A server that does this with every connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.close()
        for connection in kept:
            connection.close()


@scenario
def errors_as_redis():
    """The same requests to both: every reply must be the same."""
    with both() as ((connection, _, _), (redis, _, _)), peer(lambda _: None) as silent, peer(
        lambda each: each.close()
    ) as closing:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            down = free.getsockname()[1]
        key = unique("migrate")
        for server in (connection, redis):
            server.call("SET", key, "v")
        host = "127.0.0.1"
        rows = [
            [host, down, key, 0, 300], [host, silent, key, 0, 300], [host, closing, key, 0, 300],
            [host, silent, unique("none"), 0, 300], [host, silent, "", 0, 300, "KEYS", "none"],
            [host, silent, "", 0, 300, "KEYS"], [host, silent, key, "x", 300], [host, silent, key, 0, "x"],
            [host, silent, key, "x", "y"], [host, silent, key, 0, 300, "FOO"], [host, silent, key, 0, 300, "AUTH"],
            [host, silent, key, 0, 300, "AUTH2", "u"], [host, silent, key, 0, 300, "KEYS", "a"], [host, silent, key],
            [host, "x", key, 0, 300],
        ]  # fmt: skip
        for row in rows:
            equal(connection.call("MIGRATE", *row), redis.call("MIGRATE", *row), f"MIGRATE {row}")
        equal(connection.call("EXISTS", key), (b":", b"1"), "the key after all that")
        for words in (["COMMAND", "GETKEYS", "MIGRATE", host, 1, "", 0, 1, "AUTH", "keys", "KEYS", "a", "b"],
                      ["COMMAND", "GETKEYS", "MIGRATE", host, 1, "k", 0, 1]):  # fmt: skip
            equal(connection.call(*words), redis.call(*words), f"{words}")


@scenario
def nobody_waits():
    """While a target is silent others are served, and what they write is not lost."""
    answers = threading.Event()

    def behave(target):
        def answer():
            answers.wait(10)
            with contextlib.suppress(OSError):
                target.sendall(b"+OK\r\n" * 3)

        threading.Thread(target=answer, daemon=True).start()

    with peer(behave) as port:
        waiting, other = Connection(RESP_HOST, RESP_PORT), Connection(RESP_HOST, RESP_PORT)
        changed, unchanged = unique("migrate"), unique("migrate")
        other.call("MSET", changed, "old", unchanged, "v")
        waiting.send([str(w).encode() for w in ["MIGRATE", "127.0.0.1", port, "", 0, 8_000, "KEYS", changed, unchanged]])
        wait_until(lambda: b"blocked_clients:0" not in other.call("INFO", "clients")[1], "the client waits")
        began = time.monotonic()
        equal(other.call("SET", changed, "new"), OK)
        check(time.monotonic() - began < 1, "nobody else waits")
        answers.set()
        kind, text = waiting.read()
        check(kind == b"-" and text.startswith(b"ERR 1 of the keys changed while they were sent"), text)
        equal(other.call("GET", changed), (b"$", b"new"))
        equal(other.call("EXISTS", unchanged), (b":", b"0"))
        # Neither within a transaction nor a script.
        other.call("SET", changed, "v")
        other.call("MULTI")
        other.call("MIGRATE", "127.0.0.1", port, changed, 0, 100)
        kind, replies = other.call("EXEC")
        check(replies[0][0] == b"-" and b"transaction or a script" in replies[0][1], replies)
        script = "return redis.pcall('MIGRATE', '127.0.0.1', ARGV[1], KEYS[1], 0, 100)"
        kind, text = other.call("EVAL", script, 1, changed, port)
        check(kind == b"-" and b"transaction or a script" in text, text)
        kind, text = other.call("MIGRATE", "localhost.localdomain", port, changed, 0, 100)
        check(kind == b"-" and b"IP address" in text, text)


main()
