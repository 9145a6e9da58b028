"""From Redis to taskd and back: RDB files of a real redis-server are imported, and what is exported is loaded by one.

The programs start their servers themselves: redis-server from the path, the daemon by own_daemon.py. Two servers hold
the same when every key of every database reads the same, expires at the same time, and the functions are the same.
"""

import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from links import Ended, RESPLink
from own_daemon import BINARY, OwnDaemon, _in_child, free_port
from support import check, equal, main, scenario, wait_until

DATABASES = (0, 3, 15)
SEED = int(os.environ.get("TEST_SEED", 1))


class OwnRedis:
    """A redis-server on a folder, with its file under the usual name."""

    def __init__(self, folder, *options):
        self.folder, self.port = pathlib.Path(folder), free_port()
        self.folder.mkdir(exist_ok=True)
        self.options = options

    @property
    def file(self):
        return self.folder / "dump.rdb"

    def __enter__(self):
        with open(self.folder / "output", "wb") as output:
            self.child = subprocess.Popen(
                [
                    "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                    "--save", "", "--enable-debug-command", "yes", *self.options,
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=_in_child,
            )  # fmt: skip
        try:
            wait_until(self.answers, f"redis-server answers: {(self.folder / 'output').read_text()[-600:]}", 30)
        except BaseException:
            self.child.kill()
            raise
        return self

    def answers(self):
        check(self.child.poll() is None, f"redis-server ended: {(self.folder / 'output').read_text()[-2000:]}")
        try:
            return RESPLink(self.port).call("PING") == b"PONG"
        except Ended:
            return False

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait(20)

    def link(self, database=0):
        return RESPLink(self.port, database)

    def save(self):
        equal(self.link().call("SAVE", seconds=60), b"OK", "SAVE")
        return self.file


# What is in them.


def fill(link_of):
    """Every type in every size, in some databases."""
    dice = random.Random(SEED)
    link = link_of(0)
    calls = [
        ("SET", "s:short", "hello"), ("SET", "s:empty", ""), ("SET", "s:int8", 5), ("SET", "s:int16", -1_000),
        ("SET", "s:int32", 100_000), ("SET", "s:int64", 2**62), ("SET", "s:float", "3.25"),
        ("SET", "s:compressible", "abcabcabc" * 600), ("SET", "s:random", dice.randbytes(3_000_000)),
        ("SET", b"s:\x00\xff\r\n", b"\x00\x01\xfe"), ("SETBIT", "s:bits", 70_000, 1), ("APPEND", "s:raw", "appended"),
        ("SET", "e:milliseconds", "v", "PX", 100_000_123), ("SET", "e:far", "v", "PXAT", 4_000_000_000_123),
        ("RPUSH", "l:long-elements", "y" * 20_000, "z", "n" * 300), ("ZADD", "z:scores", "inf", "a", "-inf", "b", "0.1", "c", "1e300", "d"),
        ("SADD", "i:32", 70_000, -5), ("SADD", "i:64", 2**40, -(2**40), 0), ("HSET", "h:long-value", "f", "q" * 1_000),
        ("PFADD", "hll", *range(2_000)), ("GEOADD", "geo", 13.361389, 38.115556, "Palermo"),
    ]  # fmt: skip
    for size, count in (("small", 5), ("large", 3_000)):
        calls += [
            ("RPUSH", f"l:{size}", *[f"v{i}" for i in range(count)]), ("SADD", f"m:{size}", *[f"m{i}" for i in range(count)]),
            ("SADD", f"i:{size}", *range(count)), ("HSET", f"h:{size}", *[f"f{i // 2}" for i in range(2 * count)]),
            ("ZADD", f"z:{size}", *[word for i in range(count) for word in (i * 1.1, f"m{i}")]),
        ]  # fmt: skip
    calls += [("PEXPIRE", "h:large", 500_000_000), ("EXPIRE", "z:small", 100_000)]
    for i in range(700):
        pairs = ("a", i, "b", "c" * dice.randrange(9)) if i % 5 else ("other", dice.randbytes(dice.randrange(200)))
        calls.append(("XADD", "x", f"{1_000 + i // 3}-{i % 3 + 1}", *pairs))
    calls += [
        ("XDEL", "x", "1001-1", "1001-2"), ("XADD", "x:emptied", "5-5", "a", 1), ("XDEL", "x:emptied", "5-5"),
        ("XGROUP", "CREATE", "x", "g1", 0), ("XGROUP", "CREATE", "x", "g2", "$"),
        ("XREADGROUP", "GROUP", "g1", "c1", "COUNT", 150, "STREAMS", "x", ">"),
        ("XREADGROUP", "GROUP", "g1", "c2", "COUNT", 10, "STREAMS", "x", ">"), ("XACK", "x", "g1", "1000-1", "1000-2"),
        ("XGROUP", "CREATECONSUMER", "x", "g1", "idle"), ("XGROUP", "CREATE", "x:new", "g", 0, "MKSTREAM"),
        ("FUNCTION", "LOAD", "#!lua name=one\nredis.register_function('f1', function(k, a) return 1 end)"),
        ("FUNCTION", "LOAD", "#!lua name=two\nredis.register_function('f2', function(k, a) return a[1] end)"),
    ]  # fmt: skip
    failed = [reply for reply in link.pipeline(calls) if isinstance(reply, Exception)]
    equal(failed, [], "commands that failed")
    for database in DATABASES[1:]:
        link_of(database).pipeline(
            [("SET", "k", f"database {database}"), ("RPUSH", "l", 1, 2, 3), ("SET", "e", "v", "EX", 10_000)]
        )


READERS = {
    b"string": lambda key: ("GET", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"hash": lambda key: ("HGETALL", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}
# What only one of two versions tells, or what is not the value's.
UNTOLD = {b"radix-tree-keys", b"radix-tree-nodes", b"active-time", b"entries"}
# By Redis 7.2, of consumers.
RENAMED = {b"pel": b"pending"}


def told(value):
    """A reply about a stream: pairs become dictionaries, without what is not compared."""
    if not isinstance(value, list):
        return value
    names = value[::2]
    if value and len(value) % 2 == 0 and all(isinstance(name, bytes) and name.isascii() and name[:1].isalpha() for name in names):
        return {RENAMED.get(name, name): told(part) for name, part in zip(names, value[1::2]) if name not in UNTOLD}
    return [told(part) for part in value]


def contents(link_of):
    """{database: {key: (type, expiry, facts, value)}} and the texts of the functions."""
    found = {}
    for database in range(16):
        link = link_of(database)
        keys = sorted(link.call("KEYS", "*"))
        here = {}
        for key, kind, expiry in zip(
            keys, link.pipeline([("TYPE", key) for key in keys]), link.pipeline([("PEXPIRETIME", key) for key in keys])
        ):
            value = link.call(*READERS[kind](key))
            if kind == b"set":
                value = sorted(value)
            elif kind == b"hash":
                value = sorted(zip(value[::2], value[1::2]))
            elif kind == b"zset":
                value = [(float(score), member) for member, score in zip(value[::2], value[1::2])]
            elif kind == b"stream":
                facts = told(link.call("XINFO", "STREAM", key, "FULL", "COUNT", 0))
            here[key] = (kind, expiry, facts if kind == b"stream" else None, value)
        link.close()
        if here:
            found[database] = here
    libraries = [told(library)[b"library_code"] for library in link_of(0).call("FUNCTION", "LIST", "WITHCODE")]
    return found, sorted(libraries)


def alike(actual, expected, what):
    """Goes down to the part that differs, for a short message."""
    if isinstance(actual, dict) and isinstance(expected, dict) and actual.keys() == expected.keys():
        for name, value in expected.items():
            alike(actual[name], value, f"{what}, {name}")
    elif isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        for index, value in enumerate(expected):
            alike(actual[index], value, f"{what}, {index}")
    else:
        equal(actual, expected, what)


def same(actual, expected, what):
    equal(sorted(actual[0]), sorted(expected[0]), f"{what}: databases")
    for database, keys in expected[0].items():
        equal(sorted(actual[0][database]), sorted(keys), f"{what}: keys of database {database}")
        for key, value in keys.items():
            for part, other in zip(actual[0][database][key], value):
                alike(part, other, f"{what}: {key} of database {database}")
    equal(actual[1], expected[1], f"{what}: functions")


def digests(server):
    """Redis's own of every value."""
    found = {}
    for database in DATABASES:
        link = server.link(database)
        keys = sorted(link.call("KEYS", "*"))
        found[database] = list(zip(keys, link.pipeline([("DEBUG", "DIGEST-VALUE", key) for key in keys])))
    return found


def tool(*arguments, code=0):
    done = subprocess.run(
        [BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=120, check=False)  # fmt: skip
    equal(done.returncode, code, f"the exit code of {' '.join(map(str, arguments))}, which said {done.stdout}")
    return done.stdout


def importing(daemon, file, *more):
    daemon.arguments = ["--import-rdb", str(file), *more]
    return daemon


def refused(daemon, file, part, *more):
    """The daemon must not start, and say why in one line."""
    importing(daemon, file, *more).launch()
    equal(daemon.wait(60), 1, "the exit code")
    check(part in daemon.log(), f"expected {part!r} in {daemon.log()[-1500:]}")
    daemon.arguments = []


# Scenarios.


# Files of the forms that one Redis writes by default, without compact forms, and without compression.
VARIANTS = {
    "usual": (),
    "plain": (
        "--hash-max-listpack-entries", "0", "--zset-max-listpack-entries", "0", "--set-max-intset-entries", "0",
        "--list-max-listpack-size", "1", "--rdbcompression", "no", "--stream-node-max-entries", "1",
    ),
    "packed": (
        "--hash-max-listpack-entries", "9000", "--zset-max-listpack-entries", "9000", "--set-max-intset-entries",
        "9000", "--list-max-listpack-size", "-5", "--rdbchecksum", "no", "--maxmemory-policy", "allkeys-lru",
        "--maxmemory", "1gb",
    ),
}  # fmt: skip


@scenario
def there_and_back():
    for name, options in VARIANTS.items():
        with tempfile.TemporaryDirectory(prefix="taskd-rdb-") as folder:
            folder = pathlib.Path(folder)
            with OwnRedis(folder / "from", *options) as redis:
                fill(redis.link)
                redis.save()
                expected, expected_digests = contents(redis.link), digests(redis)
            daemon = importing(OwnDaemon(folder), redis.file)
            try:
                daemon.start()
                same(contents(lambda database: RESPLink(daemon.resp_port, database)), expected, f"{name}, imported")
                equal(daemon.stop(), 0, "the exit code")
                daemon.arguments = []
                daemon.start()
                same(contents(lambda database: RESPLink(daemon.resp_port, database)), expected, f"{name}, restarted")
                equal(daemon.stop(), 0, "the exit code")
            finally:
                daemon.kill()
            target = OwnRedis(folder / "to", *options)
            said = tool("export-rdb", "--data-dir", daemon.data, target.file)
            check(f"{sum(map(len, expected[0].values()))} keys of 3 databases and 2 libraries" in said, said)
            checked = subprocess.run(["redis-check-rdb", str(target.file)], capture_output=True, text=True, check=False)
            check(checked.returncode == 0 and "RDB looks OK" in checked.stdout, checked.stdout[-2000:])
            with target:
                same(contents(target.link), expected, f"{name}, exported")
                equal(digests(target), expected_digests, f"{name}: digests")


@scenario
def all_or_nothing():
    """A daemon that is killed while it imports has imported nothing, or everything."""
    dice = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="taskd-rdb-") as folder:
        folder = pathlib.Path(folder)
        with OwnRedis(folder / "from") as redis:
            link = redis.link()
            for start in range(0, 300_000, 10_000):
                link.pipeline([("SET", f"key:{i}", f"value {i}") for i in range(start, start + 10_000)])
            redis.save()
        daemon = importing(OwnDaemon(folder), redis.file)
        outcomes = {0: 0, 300_000: 0}
        try:
            began = time.monotonic()
            daemon.start(log_checkpoint_bytes=1_048_576)
            whole = time.monotonic() - began
            daemon.stop()
            for _ in range(12):
                shutil.rmtree(daemon.data)
                importing(daemon, redis.file).launch(log_checkpoint_bytes=1_048_576)
                time.sleep(dice.uniform(0.2, 1.7) * whole)
                daemon.kill()
                daemon.arguments = []
                daemon.start()
                outcomes[RESPLink(daemon.resp_port).call("DBSIZE")] += 1
                daemon.stop()
            shutil.rmtree(daemon.data)
            importing(daemon, redis.file).launch()
            wait_until(lambda: "log recovered" in daemon.log(), "the beginning of the import", pause=0.002)
            code = daemon.stop()
            if code == 1:
                check("stopped before it was done; nothing was changed" in daemon.log(), daemon.log()[-1000:])
            daemon.arguments = []
            daemon.start()
            equal(RESPLink(daemon.resp_port).call("DBSIZE"), 0 if code == 1 else 300_000, "keys after a signal")
            daemon.stop()
        finally:
            daemon.kill()
        print(f"  nothing {outcomes[0]} times, everything {outcomes[300_000]} times", flush=True)
        check(outcomes[0] > 0, "no kill came in time")


@scenario
def careful_import():
    with tempfile.TemporaryDirectory(prefix="taskd-rdb-") as folder:
        folder = pathlib.Path(folder)
        with OwnRedis(folder / "from") as redis:
            fill(redis.link)
            redis.link().call("SET", "gone", "v", "PX", 1)
            redis.save()
        raw = redis.file.read_bytes()
        daemon = OwnDaemon(folder)

        def changed(name, raw):
            file = folder / name
            file.write_bytes(raw)
            return file

        try:
            refused(daemon, folder / "missing", "No such file")
            refused(daemon, changed("text", b"hello, this is no snapshot"), "it does not begin with REDIS")
            refused(daemon, changed("cut", raw[: len(raw) // 2]), "the file ends in the middle of")
            flipped = bytearray(raw)
            flipped[raw.index(b"hello")] ^= 1
            refused(daemon, changed("flipped", bytes(flipped)), "the checksum is")
            module = raw[:9] + b"\xf7" + b"\x81" + struct.pack(">Q", 0x5A1EAF3A4C1B2400) + raw[9:]
            refused(daemon, changed("module", module), "offset 9: data of the module type")
            later = raw[:5] + b"0099" + raw[9:]
            refused(daemon, changed("later", later), "RDB version 99 is later")
            refused(daemon, redis.file, "only 2 (resp.databases)", "--config", changed("few.toml", b"[resp]\ndatabases = 2\n"))
            daemon.start()
            equal(RESPLink(daemon.resp_port).call("DBSIZE"), 0, "keys after imports that failed")
            equal(RESPLink(daemon.resp_port).call("SET", "own", "kept"), b"OK")
            daemon.stop()
            refused(daemon, redis.file, "the store holds 1 keys")
            refused(daemon, changed("flipped", bytes(flipped)), "the checksum is", "--import-rdb-replace")
            daemon.start()
            equal(RESPLink(daemon.resp_port).call("GET", "own"), b"kept", "the old key after a replacement that failed")
            daemon.stop()
            importing(daemon, redis.file, "--import-rdb-replace").start()
            link = RESPLink(daemon.resp_port)
            equal(link.call("EXISTS", "own", "gone"), 0, "the old key, and one that has expired")
            equal(link.call("GET", "s:short"), b"hello")
            equal(link.call("SET", "after", "1"), b"OK")
            daemon.kill()
            daemon.arguments = []
            daemon.start()
            link = RESPLink(daemon.resp_port)
            equal(link.pipeline([("GET", "after"), ("GET", "s:short"), ("EXISTS", "own")]), [b"1", b"hello", 0])
            daemon.stop()
            # What only one checkpoint has must not be missing without a word.
            for checkpoint in daemon.data.glob("log/*.ckpt"):
                with open(checkpoint, "r+b") as file:
                    file.seek(5_000)
                    file.write(b"damaged")
            refused(daemon, redis.file, "the keys of an RDB file were imported here")
            said = tool("export-rdb", "--data-dir", daemon.data, folder / "never.rdb", code=1)
            check("were imported here" in said and not (folder / "never.rdb").exists(), said)
        finally:
            daemon.kill()


@scenario
def careful_export():
    with tempfile.TemporaryDirectory(prefix="taskd-rdb-") as folder:
        folder = pathlib.Path(folder)
        daemon = OwnDaemon(folder)
        target = OwnRedis(folder / "to")
        check("there is no log" in tool("export-rdb", "--data-dir", daemon.data, target.file, code=1), "a missing folder")
        try:
            daemon.start(store_appendfsync="no")
            link = RESPLink(daemon.resp_port)
            check("in use by another taskd" in tool("export-rdb", "--data-dir", daemon.data, target.file, code=1), "in use")
            link.call("XADD", "long", "1-1", "f", "v")
            for start in range(0, 50_000, 10_000):
                link.pipeline([("XADD", "long", "*", "field", i, "other", "x" * 20) for i in range(start, start + 10_000)])
            for i in range(1_000):
                link.call("SET", f"k{i}", i)
            # Killed: the last writes may be in no segment yet.
            daemon.child.send_signal(signal.SIGKILL)
            daemon.child.wait(20)
            target.file.write_bytes(b"an older file")
            before = {path: path.stat().st_mtime_ns for path in daemon.data.rglob("*")}
            tool("export-rdb", "--data-dir", daemon.data, target.file)
            equal({path: path.stat().st_mtime_ns for path in daemon.data.rglob("*")}, before, "the data folder's files")
            equal([path.name for path in target.folder.iterdir()], ["dump.rdb"], "files beside the export")
            check("cannot create" in tool("export-rdb", "--data-dir", daemon.data, folder / "none" / "dump.rdb", code=1), "")
        finally:
            daemon.kill()
        with target:
            link = target.link()
            equal(link.call("DBSIZE"), 1_001)
            equal(link.call("GET", "k999"), b"999", "the last write before the kill")
            equal(link.call("XLEN", "long"), 50_001)


main()
