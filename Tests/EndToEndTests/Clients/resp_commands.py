"""The key store through redis-py: every group of commands that Celery, kombu, Flower, rq and locks use.

Runs unchanged with redis-py 3.5.3 (RESP2 only) and 8.x, there with TEST_PROTOCOL 2 or 3. Every expectation was
taken from Redis; run against it, the program must pass as well.
"""

import os
import subprocess
import threading
import time

import redis
from redis.exceptions import NoScriptError, ResponseError, WatchError
from support import RESP_HOST, RESP_PORT, check, equal, in_threads, main, raises, scenario, shorten, unique, wait_until

PROTOCOL = os.environ.get("TEST_PROTOCOL")
MODERN = int(redis.__version__.split(".")[0]) >= 4
base = unique("commands")


def connect(decode=True, database=3, **named):
    if MODERN and PROTOCOL:
        named["protocol"] = int(PROTOCOL)
    named.setdefault("socket_timeout", 30)
    return redis.Redis(RESP_HOST, RESP_PORT, database, decode_responses=decode, **named)


r = connect()


def key(name):
    return f"{base}:{name}"


def fails(text, *command, client=None):
    """The command must be refused with exactly this error."""
    error = raises(ResponseError, (client or r).execute_command, *command)
    equal(str(error), text)


def plain(*command):
    """The reply as the protocol has it, without redis-py's reading of it."""
    connection = r.connection_pool.get_connection("_")
    try:
        connection.send_command(*command)
        return connection.read_response()
    finally:
        r.connection_pool.release(connection)


@scenario
def strings():
    k = key("s")
    equal(r.set(k, "value"), True)
    equal((r.get(k), r.get(key("none"))), ("value", None))
    equal(r.set(k, "other", nx=True), None)
    equal(r.set(key("none"), "x", xx=True), None)
    equal((r.append(k, "!"), r.strlen(k), r.getrange(k, 1, -2)), (6, 6, "alue"))
    equal((r.setrange(k, 8, "end"), r.get(k)), (11, "value!\0\0end"))
    equal(plain("SET", k, "new", "GET"), "value!\0\0end")
    equal((r.getset(k, "newer"), r.setnx(k, "x")), ("new", False))
    equal(r.execute_command("GETDEL", k), "newer")
    equal((r.exists(k), r.incr(k), r.incrby(k, 41), r.decr(k, 2)), (0, 1, 42, 40))
    equal(float(r.incrbyfloat(k, 2.5)), 42.5)
    fails("value is not an integer or out of range", "INCR", k)
    r.set(k, 2**63 - 1)
    fails("increment or decrement would overflow", "INCR", k)
    equal(r.mset({key("m1"): "1", key("m2"): "2"}), True)
    equal(r.mget(key("m1"), key("none"), key("m2")), ["1", None, "2"])
    equal(bool(r.msetnx({key("m1"): "x", key("m3"): "x"})), False)
    equal(r.exists(key("m3")), 0)
    binary = bytes(range(256)) * 100
    raw = connect(decode=False)
    raw.set(key("binary"), binary)
    equal(raw.get(key("binary")), binary)
    large = os.urandom(5_000_000)
    raw.set(key("large"), large)
    check(raw.get(key("large")) == large, "a value of 5 MB")
    raw.set(key("empty"), b"")
    equal(raw.get(key("empty")), b"")
    fails("wrong number of arguments for 'get' command", "GET")
    fails("syntax error", "SET", k, "v", "NX", "XX")
    r.rpush(key("list-not-string"), "x")
    error = raises(ResponseError, r.get, key("list-not-string"))
    check("Operation against a key holding the wrong kind of value" in str(error), str(error))


@scenario
def expiry():
    k = key("e")
    r.setex(k, 100, "v")
    check(98 <= r.ttl(k) <= 100 and 98_000 < r.pttl(k) <= 100_000, f"ttl {r.ttl(k)}")
    equal((r.persist(k), r.ttl(k), r.ttl(key("none")), r.persist(k)), (True, -1, -2, False))
    r.psetex(k, 80, "v")
    wait_until(lambda: r.get(k) is None, "the key to expire", 5)
    equal((r.exists(k), r.type(k)), (0, "none"))
    r.set(k, "v", px=60_000)
    r.set(k, "w")
    equal(r.ttl(k), -1, "SET drops the expiry")
    r.set(k, "v", ex=50)
    r.execute_command("SET", k, "w", "KEEPTTL")
    check(r.ttl(k) > 40, "KEEPTTL keeps it")
    r.expireat(k, int(time.time()) + 200)
    check(190 < r.ttl(k) <= 200, "EXPIREAT")
    r.expire(k, -1)
    equal(r.exists(k), 0, "an expiry in the past deletes")
    fails("invalid expire time in 'set' command", "SET", k, "v", "EX", "0")
    r.set(k, "v", ex=30)
    r.execute_command("GETEX", k, "PERSIST")
    equal(r.ttl(k), -1, "GETEX PERSIST")
    # Many at once go without being asked for: the table shrinks by active expiry.
    other = connect(database=4)
    other.flushdb()
    with other.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.set(f"{base}:expiring:{number}", "v", px=50)
        pipe.execute()
    wait_until(lambda: other.dbsize() == 0, "500 keys to expire actively", 10)


@scenario
def lists():
    k, other = key("l"), key("l2")
    equal((r.rpush(k, "b", "c"), r.lpush(k, "a"), r.llen(k), r.lrange(k, 0, -1)), (2, 3, 3, ["a", "b", "c"]))
    equal((r.lindex(k, -1), r.lindex(k, 9), r.lset(k, 1, "B"), r.linsert(k, "before", "c", "x")), ("c", None, True, 4))
    equal((r.lrange(k, 1, 2), r.lrem(k, 0, "x"), r.ltrim(k, 0, 1), r.lrange(k, 0, -1)), (["B", "x"], 1, True, ["a", "B"]))
    equal((r.rpoplpush(k, other), r.lrange(other, 0, -1)), ("B", ["B"]))
    equal(r.execute_command("LMOVE", other, k, "LEFT", "RIGHT"), "B")
    equal((r.lpop(k), r.rpop(k), r.lpop(k), r.exists(k)), ("a", "B", None, 0))
    r.rpush(k, *range(10))
    equal(r.execute_command("LPOP", k, 3), ["0", "1", "2"])
    equal(r.execute_command("LPOS", k, "5"), 2)
    equal((r.lpushx(key("none"), "x"), r.rpushx(key("none"), "x")), (0, 0))
    r.rpush(other, *["v%d" % number for number in range(5_000)])
    equal((r.llen(other), r.lindex(other, 2_500), r.lrange(other, 4_998, 9_999)), (5_000, "v2500", ["v4998", "v4999"]))
    equal(len(r.execute_command("RPOP", other, 5_000)), 5_000)
    equal(r.exists(other), 0)
    fails("index out of range", "LSET", k, 100, "x")
    error = raises(ResponseError, r.execute_command, "LSET", key("none"), 0, "x")
    equal(str(error), "no such key")


@scenario
def hashes():
    k = key("h")
    equal((r.hset(k, "f", "1"), r.hset(k, "f", "2"), r.hget(k, "f"), r.hget(k, "none")), (1, 0, "2", None))
    r.execute_command("HSET", k, "a", "1", "b", "2")
    equal(r.hgetall(k), {"f": "2", "a": "1", "b": "2"})
    equal((r.hlen(k), sorted(r.hkeys(k)), sorted(r.hvals(k)), r.hmget(k, "a", "none")), (3, ["a", "b", "f"], ["1", "2", "2"], ["1", None]))
    equal((r.hexists(k, "a"), r.hdel(k, "a", "none"), bool(r.hsetnx(k, "b", "x")), r.hstrlen(k, "b")), (True, 1, False, 1))
    equal((r.hincrby(k, "n", 5), float(r.hincrbyfloat(k, "n", 0.5))), (5, 5.5))
    fails("hash value is not an integer", "HINCRBY", k, "n", "1")
    many = {f"field-{number}": str(number) for number in range(2_000)}
    r.hmset(key("h2"), many) if not MODERN else r.hset(key("h2"), mapping=many)
    equal(r.hgetall(key("h2")), many)
    equal(dict(r.hscan_iter(key("h2"))), many, "HSCAN")
    equal((r.hgetall(key("none")), r.hdel(k, "f", "b", "n"), r.exists(k)), ({}, 3, 0))


@scenario
def sets():
    a, b = key("a"), key("b")
    equal((r.sadd(a, "1", "2", "3"), r.sadd(a, "3"), r.scard(a), r.sismember(a, "2")), (3, 0, 3, True))
    r.sadd(b, "3", "4")
    equal((r.smembers(a), r.sinter(a, b), r.sunion(a, b), r.sdiff(a, b)), ({"1", "2", "3"}, {"3"}, {"1", "2", "3", "4"}, {"1", "2"}))
    equal((r.sunionstore(key("u"), a, b), r.smove(a, b, "1"), r.srem(b, "4", "none")), (4, True, 1))
    equal(r.smembers(b), {"1", "3"})
    popped = r.spop(b)
    equal((popped in {"1", "3"}, r.scard(b), r.srandmember(b) in {"1", "3"}), (True, 1, True))
    equal(list(r.execute_command("SMISMEMBER", a, "2", "9")), [1, 0])
    words = {f"word-{number}" for number in range(2_000)}
    r.sadd(key("words"), *words)
    equal(set(r.sscan_iter(key("words"))), words, "SSCAN")
    equal(r.smembers(key("none")), set())


@scenario
def sorted_sets():
    k = key("z")
    equal(r.zadd(k, {"a": 1, "b": 2, "c": 3}), 3)
    equal((r.zcard(k), r.zscore(k, "b"), r.zscore(k, "none"), r.zrank(k, "c"), r.zrevrank(k, "c")), (3, 2.0, None, 2, 0))
    equal((r.zrange(k, 0, -1), r.zrevrange(k, 0, 0)), (["a", "b", "c"], ["c"]))
    equal([tuple(pair) for pair in r.zrange(k, 0, 1, withscores=True)], [("a", 1.0), ("b", 2.0)])
    equal((r.zadd(k, {"a": 9}, nx=True), r.zadd(k, {"a": 1.5}, ch=True), float(r.zincrby(k, 1, "a"))), (0, 1, 2.5))
    equal(r.execute_command("ZADD", k, "GT", "1", "a"), 0)
    equal(r.zscore(k, "a"), 2.5, "ZADD GT leaves a greater score")
    equal((r.zcount(k, "-inf", "+inf"), r.zcount(k, "(2", 3)), (3, 2))
    equal((r.zrangebyscore(k, "(2", "+inf"), r.zrangebyscore(k, 0, 9, start=1, num=1)), (["a", "c"], ["a"]))
    equal((r.zrevrangebyscore(k, 3, 2), r.zrevrangebyscore(k, "+inf", "-inf", start=0, num=1)), (["c", "a", "b"], ["c"]))
    found = r.execute_command("ZRANGE", k, "+inf", "-inf", "BYSCORE", "REV", "LIMIT", "0", "2", "WITHSCORES")
    check("c" in str(found) and "a" in str(found) and "b" not in str(found), f"ZRANGE BYSCORE REV LIMIT: {found}")
    equal((r.zrem(k, "a", "none"), r.zremrangebyscore(k, 3, 3), r.zremrangebyrank(k, 0, -1), r.exists(k)), (1, 1, 1, 0))
    r.zadd(k, {"x": float("inf"), "y": float("-inf"), "z": 0.1})
    equal((r.zscore(k, "x"), r.zscore(k, "y"), r.zscore(k, "z")), (float("inf"), float("-inf"), 0.1))
    popped = plain("ZPOPMIN", k) + plain("ZPOPMAX", k)
    equal([str(value) for value in popped], ["y", "-inf", "x", "inf"])
    many = {f"m{number:05}": number % 100 for number in range(3_000)}
    r.zadd(key("z2"), many)
    expected = [name for name, _ in sorted(many.items(), key=lambda pair: (pair[1], pair[0]))]
    equal(r.zrange(key("z2"), 0, -1), expected, "order by score, then by name")
    equal(dict(r.zscan_iter(key("z2"))), {name: float(score) for name, score in many.items()}, "ZSCAN")
    r.zadd(key("lex"), {letter: 0 for letter in "abcdef"})
    equal((r.zrangebylex(key("lex"), "[b", "(e"), r.zlexcount(key("lex"), "-", "+")), (["b", "c", "d"], 6))
    equal(r.zunionstore(key("union"), {key("lex"): 2, key("z2"): 1}), 3_006)
    fails("value is not a valid float", "ZADD", k, "x", "y")


@scenario
def keys():
    k = key("k")
    other = connect(database=5)
    other.flushdb()
    names = {f"{base}:scanned:{number}" for number in range(1_000)}
    other.mset({name: "x" for name in names})
    equal((other.dbsize(), set(other.keys(f"{base}:scanned:*")), other.keys("no*match")), (1_000, names, []))
    equal(set(other.scan_iter(match=f"{base}:*", count=50)), names, "SCAN")
    equal(set(other.keys(f"{base}:scanned:[1-3]?")), {f"{base}:scanned:{number}" for number in range(10, 40)}, "a pattern with a class")
    check(other.randomkey() in names, "RANDOMKEY")
    r.set(k, "v")
    equal((r.type(k), r.rename(k, k + "2"), r.exists(k, k + "2"), r.touch(k + "2")), ("string", True, 1, 1))
    equal((r.execute_command("COPY", k + "2", k), r.delete(k, k + "2", key("none")), r.unlink(k)), (1, 2, 0))
    r.set(k, "v")
    equal((r.move(k, 5), r.exists(k), other.get(k)), (True, 0, "v"))
    error = raises(ResponseError, r.rename, key("none"), k)
    equal(str(error), "no such key")
    fails("DB index is out of range", "SELECT", "99")
    other.flushdb()
    equal(other.dbsize(), 0)
    # OBJECT ENCODING gives Redis's names.
    for value, command, encoding in (
        ("12", "SET", "int"), ("short", "SET", "embstr"), ("x" * 100, "SET", "raw"),
        ("item", "RPUSH", "listpack"), ("7", "SADD", "intset"), ("word", "SADD", "listpack"),
    ):  # fmt: skip
        name = key(f"encoding-{command}-{encoding}")
        r.execute_command(command, name, value)
        got = r.object("encoding", name)
        # Redis before 7.2 names a short list quicklist and a short set of words hashtable.
        check(got in (encoding, {"RPUSH": "quicklist", "SADD": "hashtable"}.get(command)), f"{command} {value[:9]}: {got}")


@scenario
def transactions():
    k = key("t")
    with r.pipeline() as pipe:
        equal(pipe.set(k, 1).incr(k).get(k).lrange(key("none"), 0, -1).execute(), [True, 2, "2", []])
    with r.pipeline() as pipe:
        pipe.watch(k)
        value = int(pipe.get(k))
        r.set(k, 100)  # another connection changes it
        pipe.multi()
        pipe.set(k, value + 1)
        raises(WatchError, pipe.execute)
    equal(r.get(k), "100")
    with r.pipeline() as pipe:
        pipe.watch(k)
        r.get(k)  # reading is no change
        pipe.multi()
        pipe.incr(k)
        equal(pipe.execute(), [101])
    with r.pipeline() as pipe:  # an expired key is a change
        r.set(k, 1, px=40)
        pipe.watch(k)
        time.sleep(0.1)
        r.exists(k)
        pipe.multi()
        pipe.ping()
        raises(WatchError, pipe.execute)
    # An error inside runs the rest; an error while queueing aborts all.
    r.set(k, "text")
    with r.pipeline() as pipe:
        pipe.incr(k)
        pipe.set(key("t2"), "ran")
        results = pipe.execute(raise_on_error=False)
        check(isinstance(results[0], ResponseError) and results[1] is True, f"{results}")
    with r.pipeline() as pipe:
        pipe.set(key("t3"), "x")
        pipe.execute_command("NOSUCHCOMMAND", "x")
        raises(ResponseError, pipe.execute)
    equal(r.exists(key("t3")), 0)
    fails("EXEC without MULTI", "EXEC")
    fails("DISCARD without MULTI", "DISCARD")

    # Eight threads raise one counter by optimistic locking: no update is lost.
    def raise_it():
        client = connect()
        for _ in range(50):
            client.transaction(lambda pipe: raise_once(pipe), key("counter"))

    def raise_once(pipe):
        value = int(pipe.get(key("counter")) or 0)
        pipe.multi()
        pipe.set(key("counter"), value + 1)

    in_threads([raise_it] * 8)
    equal(r.get(key("counter")), "400")


@scenario
def pipelines():
    with r.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            pipe.set(key(f"p{number % 100}"), number).get(key(f"p{number % 100}"))
        results = pipe.execute()
    equal(results, [value for number in range(10_000) for value in (True, str(number))])


@scenario
def blocking():
    k = key("q")
    equal(r.blpop(key("none"), timeout=1), None)
    r.rpush(k, "ready")
    equal(r.brpop([key("none"), k], timeout=1), (k, "ready")) if not MODERN else equal(
        tuple(r.brpop([key("none"), k], timeout=1)), (k, "ready"))  # fmt: skip

    def woken_by(push, expected, pop=lambda client: client.blpop(k, timeout=10)):
        waiter = threading.Thread(target=push_later, args=(push,), daemon=True)
        waiter.start()
        result = pop(connect())
        equal(tuple(result) if isinstance(result, list) else result, expected)
        waiter.join(5)

    def push_later(push):
        client = connect()
        time.sleep(0.15)
        push(client)

    woken_by(lambda client: client.rpush(k, "pushed"), (k, "pushed"))
    woken_by(lambda client: client.eval("redis.call('RPUSH', KEYS[1], 'script')", 1, k), (k, "script"))
    woken_by(lambda client: client.pipeline().rpush(k, "one", "two").execute(), (k, "one"))
    equal(r.lpop(k), "two")
    woken_by(lambda client: client.rpush(k, "moved"), "moved", lambda client: client.brpoplpush(k, key("q2"), 10))
    equal(r.lrange(key("q2"), 0, -1), ["moved"])
    woken_by(lambda client: client.rpush(k, "lmoved"), "lmoved",
             lambda client: client.execute_command("BLMOVE", k, key("q2"), "LEFT", "LEFT", 10))  # fmt: skip
    r.rpush(key("src"), "renamed")
    woken_by(lambda client: client.rename(key("src"), k), (k, "renamed"))
    woken_by(lambda client: client.zadd(key("bz"), {"m": 3}), (key("bz"), "m", 3.0),
             lambda client: client.bzpopmin(key("bz"), timeout=10))  # fmt: skip

    # First come, first served: waiting clients get elements in the order in which they came.
    got = []

    def wait_in_line(number):
        client = connect()
        time.sleep(0.1 * number)
        got.append((number, client.blpop(key("line"), timeout=10)[1]))

    def serve():
        time.sleep(0.8)
        for word in "abcd":
            r.rpush(key("line"), word)
            time.sleep(0.1)

    in_threads([lambda number=number: wait_in_line(number) for number in range(4)] + [serve])
    equal(got, [(0, "a"), (1, "b"), (2, "c"), (3, "d")])
    # A blocked client that goes away loses nothing.
    once = {}
    if MODERN:
        once["retry"] = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    leaver = connect(socket_timeout=0.3, **once)
    raises(redis.exceptions.TimeoutError, leaver.blpop, key("left"), timeout=20)
    leaver.connection_pool.disconnect()
    time.sleep(0.2)
    r.rpush(key("left"), "kept")
    time.sleep(0.2)
    equal(r.lpop(key("left")), "kept")


@scenario
def publish_and_subscribe():
    subscriber = connect(database=3).pubsub()
    publisher = connect(database=7)  # channels are common to all databases
    channel, pattern = key("channel"), key("pat") + ".*"

    def receive(kind):
        def one():
            message = subscriber.get_message(timeout=0.2)
            return message if message and message["type"] == kind else None

        return wait_until(one, f"a {kind}", 5)

    subscriber.subscribe(channel)
    equal(receive("subscribe")["data"], 1)
    subscriber.psubscribe(pattern)
    equal(receive("psubscribe")["data"], 2)
    equal(publisher.publish(channel, "hello"), 1)
    message = receive("message")
    equal((message["channel"], message["data"]), (channel, "hello"))
    equal(publisher.publish(key("pat") + ".x", "there"), 1)
    message = receive("pmessage")
    equal((message["pattern"], message["channel"], message["data"]), (pattern, key("pat") + ".x", "there"))
    equal([name for name in r.pubsub_channels(base + "*")], [channel])
    equal([tuple(pair) for pair in r.pubsub_numsub(channel, key("none"))], [(channel, 1), (key("none"), 0)])
    check(r.pubsub_numpat() >= 1, "PUBSUB NUMPAT")
    subscriber.unsubscribe(key("never subscribed"))
    equal(receive("unsubscribe")["data"], 2)
    subscriber.unsubscribe(channel)
    equal(receive("unsubscribe")["data"], 1)
    equal(publisher.publish(channel, "nobody"), 0)
    names = [key(f"many-{number}") for number in range(3_000)]
    subscriber.subscribe(*names)
    wait_until(lambda: r.pubsub_numsub(names[-1])[0][1] == 1, "3,000 subscriptions")
    for _ in range(3_000):
        receive("subscribe")
    publisher.publish(names[1_500], "one of many")
    equal(receive("message")["channel"], names[1_500])
    subscriber.close()
    wait_until(lambda: publisher.publish(names[0], "x") == 0, "the subscriptions to go with the connection")
    # What a transaction publishes comes after its writes are visible.
    subscriber = connect().pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(channel)
    subscriber.get_message(timeout=1)
    reader = connect()
    for number in range(200):
        publisher_pipe = r.pipeline()
        publisher_pipe.setex(key("seen"), 60, number).publish(channel, number).execute()
        message = receive("message")
        check(int(reader.get(key("seen"))) >= int(message["data"]), "a message before its write")
    subscriber.close()


@scenario
def client_side_caching():
    """In RESP3 the pushes; in RESP2 a subscription that the client redirects its messages to."""
    k = key("cached")
    r.set(k, "old")
    if MODERN and PROTOCOL == "3":
        # Its cache itself wants Redis 7.4: here what it is told by.
        reader = connect(single_connection_client=True)
        pushes = []
        reader.connection._parser.set_invalidation_push_handler(pushes.append)
        reader.execute_command("CLIENT", "TRACKING", "ON")
        equal(reader.get(k), "old")
        r.set(k, "new")
        equal(reader.get(k), "new")
        equal([push[1] for push in pushes], [[k]])
        reader.close()
        return
    name = unique("listener")
    subscriber = connect(client_name=name) if MODERN else connect()
    listener = subscriber.pubsub()
    listener.subscribe("__redis__:invalidate")
    listener.get_message(timeout=1)
    if not MODERN:
        listener.connection.send_command("UNSUBSCRIBE", "none")
        listener.get_message(timeout=1)
    identifier = next(
        client["id"]
        for client in r.client_list()
        if (client["name"] == name if MODERN else client["sub"] == "1" and client["cmd"] == "unsubscribe")
    )
    reader = connect(single_connection_client=True)
    equal(bool(reader.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", identifier)), True)
    equal(reader.get(k), "old")
    r.set(k, "new")

    def invalidation():
        message = listener.get_message(ignore_subscribe_messages=True, timeout=0.2)
        return message and message["data"]

    equal(wait_until(invalidation, "the invalidation", 5), [k])
    equal(reader.execute_command("CLIENT", "GETREDIR"), int(identifier))
    reader.close()
    listener.close()


@scenario
def scripts():
    k = key("lua")
    equal(r.eval("return {1, 'two', {3}, 4.9, false, true}", 0), [1, "two", [3], 4, None, 1])
    equal(r.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, k, "v"), "OK")
    equal(r.eval("return {KEYS[1], ARGV[1], redis.call('GET', KEYS[1])}", 1, k, "arg"), [k, "arg", "v"])
    equal(r.eval("return redis.status_reply('FINE')", 0), "FINE")
    error = raises(ResponseError, r.eval, "return redis.error_reply('MINE own words')", 0)
    check("own words" in str(error), str(error))
    error = raises(ResponseError, r.eval, "return redis.call('INCR', KEYS[1])", 1, k)
    check("not an integer" in str(error), str(error))
    equal(r.eval("local ok = redis.pcall('INCR', KEYS[1]); return ok['err'] ~= nil and 1 or 0", 1, k), 1)
    check("Error compiling script" in str(raises(ResponseError, r.eval, "this is not lua", 0)), "a syntax error's text")
    body = "redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2]); return redis.call('ZCOUNT', KEYS[1], '-inf', '+inf')"
    raises(NoScriptError, r.evalsha, "f" * 40, 0)
    digest = r.script_load(body)
    equal((r.script_exists(digest, "f" * 40), r.evalsha(digest, 1, key("luaz"), 1, "m")), ([True, False], 1))
    script = r.register_script("return ARGV[1] + 1")
    equal((script(args=[1]), script(args=[41])), (2, 42))
    equal(r.eval("return {cjson.encode({a = 1}), cjson.decode('[1,{\"x\":\"y\"}]')[2].x}", 0), ['{"a":1}', "y"])
    equal(r.eval("return #cmsgpack.pack({1,2,3})", 0), 4)
    equal(r.eval("return redis.sha1hex('')", 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    equal(r.eval("return {unpack({1, 2, 3})}", 0), [1, 2, 3])
    equal(r.eval("local t = redis.call('TIME'); return #t", 0), 2)
    equal(r.eval("return tostring(redis.call('GET', KEYS[1]))", 1, key("none")), "false")
    # No globals leak from one script into the next, and nothing of the operating system is in reach.
    raises(ResponseError, r.eval, "leaked = 1", 0)
    raises(ResponseError, r.eval, "return os.execute('true')", 0)
    raises(ResponseError, r.eval, "return io.open('/etc/passwd')", 0)
    with r.pipeline() as pipe:  # a script inside a transaction
        equal(pipe.set(k, 5).eval("return redis.call('INCR', KEYS[1])", 1, k).execute(), [True, 6])
    r.eval("for i = 1, 1000 do redis.call('RPUSH', KEYS[1], i) end", 1, key("lual"))
    equal(r.llen(key("lual")), 1_000)
    equal(r.eval("return redis.call('LRANGE', KEYS[1], 0, 2)", 1, key("lual")), ["1", "2", "3"])
    # The store survives a script that fails half way; what it had written stays, as in Redis.
    raises(ResponseError, r.eval, "redis.call('SET', KEYS[1], 'half'); error('stop')", 1, key("half"))
    equal(r.get(key("half")), "half")


@scenario
def functions():
    if not MODERN:
        return
    library, name = (unique(part).replace("-", "_") for part in ("library", "function"))
    code = f"""#!lua name={library}
local calls = 0
redis.register_function('{name}', function(keys, args) calls = calls + 1 return redis.call('SET', keys[1], args[1]) end)
redis.register_function{{function_name = '{name}_ro', callback = function(keys) return {{calls, redis.call('GET', keys[1])}} end,
    flags = {{'no-writes'}}}}
"""
    equal(r.function_load(code), library)
    error = raises(ResponseError, r.function_load, code)
    check(f"Library '{library}' already exists" in str(error), str(error))
    equal(r.function_load(code, replace=True), library)
    equal(r.fcall(name, 1, key("fcall"), "v"), "OK")
    equal(r.fcall_ro(f"{name}_ro", 1, key("fcall")), [1, "v"])
    fails("Can not execute a script with write flag using *_ro command.", "FCALL_RO", name, 1, key("fcall"), "v")
    equal(len(r.function_list(library)), 1)
    payload = connect(decode=False).function_dump()
    check(r.function_delete(library), "FUNCTION DELETE")
    fails("Function not found", "FCALL", name, 1, key("fcall"), "v")
    check(r.execute_command("FUNCTION", "RESTORE", payload, "REPLACE"), "FUNCTION RESTORE")
    equal(r.fcall(name, 1, key("fcall"), "w"), "OK")
    check(r.function_delete(library), "FUNCTION DELETE")


@scenario
def locks():
    name = key("lock")
    first, second = r.lock(name, timeout=20), r.lock(name, timeout=20, blocking_timeout=0.3)
    equal((first.acquire(), second.acquire()), (True, False))
    first.extend(10)
    check(r.pttl(name) > 25_000, "an extended lock")
    first.reacquire()
    first.release()
    equal(second.acquire(), True)
    second.release()
    raises(redis.exceptions.LockError, second.release)
    order = []

    def critical(number):
        with connect().lock(name, timeout=10, blocking_timeout=20, sleep=0.01):
            order.append(("in", number))
            time.sleep(0.01)
            order.append(("out", number))

    in_threads([lambda number=number: critical(number) for number in range(8)])
    for entered, left in zip(order[::2], order[1::2]):
        equal((entered[0], left[0], entered[1]), ("in", "out", left[1]), "one at a time")


@scenario
def server():
    info = r.info()
    check(str(info["redis_version"]).startswith("7."), f"redis_version {info['redis_version']}")
    for field in ("uptime_in_seconds", "connected_clients", "used_memory", "total_commands_processed", "role", "maxmemory"):
        check(field in info, f"INFO has {field}")
    r.set(key("in-info"), "x")
    check("db3" in r.info("keyspace"), f"INFO keyspace {r.info('keyspace')}")
    equal(r.ping(), True)
    equal(r.echo("word"), "word")
    check(abs(r.time()[0] - time.time()) < 5, "TIME")
    equal(r.config_get("databases"), {"databases": "16"})
    check("maxmemory" in r.config_get("maxmem*"), "CONFIG GET with a pattern")
    client = connect()
    client.client_setname("by-name")
    equal((client.client_getname(), client.client_id() > 0), ("by-name", True))
    check(any(entry["name"] == "by-name" for entry in r.client_list()), "CLIENT LIST")
    (get,) = plain("COMMAND", "INFO", "get")
    equal((get[0], get[1], {str(flag) for flag in get[2]}, get[3:6]), ("get", 2, {"readonly", "fast"}, [1, 1, 1]))
    check(plain("COMMAND", "COUNT") > 100, "COMMAND COUNT")
    fails("unknown command 'NOSUCH', with args beginning with: 'a' 'b' ", "NOSUCH", "a", "b")
    check("unknown subcommand" in str(raises(ResponseError, r.execute_command, "CLIENT", "NOSUCH")).lower(), "CLIENT NOSUCH")
    equal(r.ping(), True, "the connection after errors")
    connect(decode=False).slowlog_get(1)  # its arguments may be any bytes
    r.slowlog_reset()
    equal(r.slowlog_len() >= 0, True)
    equal(plain("OBJECT", "REFCOUNT", key("in-info")) >= 1, True)
    if MODERN:
        documented = plain("COMMAND", "DOCS", "get")
        check("summary" in str(documented), f"COMMAND DOCS {shorten(documented)}")
    # Killed by another client: redis-py connects again by itself.
    victim = connect()
    number = victim.client_id()
    equal(r.execute_command("CLIENT", "KILL", "ID", number), 1)
    wait_until(lambda: all(int(entry["id"]) != number for entry in r.client_list()), "the killed client to go")


@scenario
def monitor():
    watcher = subprocess.Popen(
        ["redis-cli", "-h", RESP_HOST, "-p", str(RESP_PORT), "monitor"], stdout=subprocess.PIPE, text=True
    )
    try:
        equal(watcher.stdout.readline(), "OK\n")
        r.set(key("monitored"), 'quo"te\n')
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            line = watcher.stdout.readline()
            if key("monitored") in line:
                break
        check(line.endswith(f'"SET" "{key("monitored")}" "quo\\"te\\n"\n') and "[3 " in line, f"MONITOR: {line!r}")
    finally:
        watcher.kill()
        watcher.wait(5)


@scenario
def streams():
    """As far as rq and taskiq use them."""
    k = key("stream")
    first = r.xadd(k, {"a": "1"})
    second = r.xadd(k, {"a": "2", "b": "x"}, maxlen=100, approximate=True)
    equal((r.xlen(k), [entry[1] for entry in r.xrange(k)]), (2, [{"a": "1"}, {"a": "2", "b": "x"}]))
    equal([entry[0] for entry in r.xrevrange(k, count=1)], [second])
    equal(r.xgroup_create(key("stream2"), "workers", "0", mkstream=True), True)
    r.xadd(key("stream2"), {"job": "1"})
    got = r.xreadgroup("workers", "me", {key("stream2"): ">"}, count=10)
    check("job" in str(got), f"XREADGROUP {got}")
    identifier = r.xrange(key("stream2"))[0][0]
    equal((r.xack(key("stream2"), "workers", identifier), r.xdel(k, first), r.xlen(k)), (1, 1, 1))


@scenario
def users():
    """Rights of a user who logs in, as an operator gives and takes them."""
    name = unique("user")
    rules = ["on", ">secret", f"~{base}:*", "&news*", "+@read", "+@write", "+@connection", "+publish", "-del"]
    equal(r.execute_command("ACL", "SETUSER", name, *rules), "OK")
    try:
        one = connect(max_connections=1)
        equal(one.execute_command("AUTH", name, "secret") in (True, "OK"), True)
        equal((one.set(key("mine"), "1"), one.get(key("mine"))), (True, "1"))
        equal(one.publish("news:today", "x"), 0)
        for command in (["GET", "elsewhere"], ["DEL", key("mine")], ["PUBLISH", "other", "x"], ["CONFIG", "GET", "port"]):
            error = raises(ResponseError, one.execute_command, *command)
            check("ermission" in str(error), f"{command}: {error}")
        equal(r.execute_command("ACL", "DRYRUN", name, "GET", key("mine")) in (True, "OK"), True)
        equal(r.execute_command("ACL", "SETUSER", name, "+del"), "OK")
        equal(one.delete(key("mine")), 1)
        check(name in r.execute_command("ACL", "USERS"), "the user is listed")
        equal(r.execute_command("ACL", "DELUSER", name), 1)
    finally:
        r.execute_command("ACL", "DELUSER", name)


@scenario
def inline_and_raw():
    """What a person types, and replies byte by byte."""
    import socket

    with socket.create_connection((RESP_HOST, RESP_PORT), 10) as peer:
        stream = peer.makefile("rb")

        def ask(line, *answers):
            peer.sendall(line)
            for answer in answers:
                equal(stream.readline(), answer, repr(line))

        ask(b"PING\r\n", b"+PONG\r\n")
        ask(b"ping hello\n", b"$5\r\n", b"hello\r\n")
        ask(b'SET "%s:a b" \'c d\'\r\n' % base.encode(), b"+OK\r\n")
        ask(b'GET "%s:a\\x20b"\r\n' % base.encode(), b"$3\r\n", b"c d\r\n")
        ask(b"\r\n\r\nPING\r\n", b"+PONG\r\n")
        ask(b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"+PONG\r\n", b"$0\r\n", b"\r\n")
        ask(b"*0\r\n*-1\r\nPING\r\n", b"+PONG\r\n")
        for piece in (b"*1", b"\r", b"\n$", b"4\r\nPI", b"NG\r"):
            peer.sendall(piece)
            time.sleep(0.02)
        ask(b"\n", b"+PONG\r\n")
        ask(b"QUIT\r\n", b"+OK\r\n")
        equal(stream.readline(), b"", "end of stream after QUIT")


main()
