#!/usr/bin/env python3
"""Sends the same random commands to a Redis and to this daemon and shows where the replies differ.

    compare-with-redis.py [--redis 127.0.0.1:6390] [--taskd 127.0.0.1:6379] [--seed N] [--steps N]

Both are flushed first: use databases that hold nothing of value. A difference is not always a fault: the two
may differ in version. Exit code 1 when there was any.
"""
import argparse
import random
import socket
import sys


class Peer:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind in b"+-:":
            return line
        if kind == b"$":
            if rest == b"-1":
                return None
            return self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise SystemExit("unexpected reply %r" % line)


# Commands whose replies come in no particular order.
UNORDERED = {"SMEMBERS", "KEYS", "HKEYS", "HVALS", "SINTER", "SUNION", "SDIFF"}
PAIRS = {"HGETALL"}


def normal(command, reply, queued=()):
    # Short lists are listpacks only since 7.2.
    if command == "OBJECT" and reply == b"quicklist":
        return b"listpack"
    # Whether a result is held as a number or as text is nobody's promise.
    if command == "OBJECT" and reply in (b"int", b"embstr", b"raw"):
        return b"string"
    if isinstance(reply, list):
        if command == "EXEC":
            return [normal(inner, part) for inner, part in zip(queued, reply)]
        if command in UNORDERED:
            return sorted(reply, key=repr)
        if command in PAIRS:
            return sorted(zip(reply[::2], reply[1::2]))
    return reply


def grammar(r):
    key = lambda: r.choice(["a", "b", "c", "d", "e", "f", "g", "h"])
    small = lambda: r.randint(-5, 12)
    number = lambda: r.choice([0, 1, -1, 7, 100, "3.5", "-2.25", "1e3", "inf", "-inf", "x", ""])
    value = lambda: r.choice(["", "x", "hello world", "12", "-7", "3.0", "q\x00\xff", "y" * 70, "z" * 300, str(r.randint(0, 99))])
    member = lambda: r.choice(["m1", "m2", "m3", "m4", "5", "6", "7", "n" * 80])
    bound = lambda: r.choice(["-inf", "+inf", "(1", "2", "(3.5", "0", "x"])
    lexical = lambda: r.choice(["-", "+", "[m1", "(m2", "[m4", "m"])
    option = lambda *o: list(r.choice(o))
    many = lambda f, most=4: [f() for _ in range(r.randint(1, most))]
    end = lambda: r.choice(["LEFT", "RIGHT"])
    table = [
        lambda: ["SET", key(), value()] + option([], [], [], ["NX"], ["XX"], ["GET"], ["EX", 100], ["PX", 100000], ["KEEPTTL"], ["EX", 0], ["EX", "x"], ["NX", "XX"], ["XX", "GET"]),
        lambda: ["GET", key()], lambda: ["GETSET", key(), value()], lambda: ["GETDEL", key()],
        lambda: ["GETEX", key()] + option([], ["PERSIST"], ["EX", 50], ["PXAT", 1], ["BAD"]),
        lambda: ["SETNX", key(), value()], lambda: ["SETEX", key(), r.choice([10, 0, -1, "x"]), value()],
        lambda: ["APPEND", key(), value()], lambda: ["STRLEN", key()],
        lambda: ["GETRANGE", key(), small(), small()], lambda: ["SETRANGE", key(), small(), value()],
        lambda: ["INCR", key()], lambda: ["DECRBY", key(), small()], lambda: ["INCRBY", key(), r.choice([5, 9223372036854775807, "x"])],
        lambda: ["INCRBYFLOAT", key(), number()],
        lambda: ["MGET"] + many(key), lambda: ["MSET"] + [w for k in many(key) for w in (k, value())],
        lambda: ["MSETNX"] + [w for k in many(key) for w in (k, value())],
        lambda: ["LCS", key(), key()] + option([], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN", "MINMATCHLEN", 2]),
        lambda: ["SETBIT", key(), r.randint(0, 40), r.choice([0, 1, 2])], lambda: ["GETBIT", key(), r.randint(0, 60)],
        lambda: ["BITCOUNT", key()] + option([], [small(), small()], [small(), small(), "BIT"], [small()]),
        lambda: ["BITPOS", key(), r.choice([0, 1])] + option([], [small()], [small(), small()], [small(), small(), "BIT"]),
        lambda: ["BITOP", r.choice(["AND", "OR", "XOR", "NOT"]), key()] + many(key, 3),
        lambda: ["BITFIELD", key()] + option(["GET", "u8", 3], ["SET", "i5", "#2", 11], ["OVERFLOW", "SAT", "INCRBY", "i4", 1, 5], ["OVERFLOW", "FAIL", "INCRBY", "u2", 100, 1], ["INCRBY", "i64", 3, 9]),
        lambda: ["DEL"] + many(key), lambda: ["EXISTS"] + many(key), lambda: ["TYPE", key()], lambda: ["TOUCH"] + many(key),
        lambda: ["RENAME", key(), key()], lambda: ["RENAMENX", key(), key()], lambda: ["COPY", key(), key()] + option([], ["REPLACE"]),
        lambda: ["EXPIRE", key(), r.choice([100, 200, -1, 0])] + option([], ["NX"], ["XX"], ["GT"], ["LT"], ["NX", "GT"], ["YY"]),
        lambda: ["TTL", key()], lambda: ["PERSIST", key()], lambda: ["KEYS", r.choice(["*", "[a-c]", "?", "x*"])], lambda: ["DBSIZE"],
        lambda: ["OBJECT", "ENCODING", key()],
        lambda: ["SORT", key()] + option([], ["ALPHA"], ["DESC"], ["ALPHA", "DESC", "LIMIT", 1, 2], ["BY", "nosort"], ["BY", "w_*", "GET", "#", "GET", "a*"], ["STORE", key()], ["ALPHA", "STORE", key()]),
        lambda: ["LPUSH", key()] + many(value), lambda: ["RPUSH", key()] + many(value), lambda: ["LPUSHX", key(), value()],
        lambda: ["LPOP", key()] + option([], [2], [0], [-1]), lambda: ["RPOP", key()] + option([], [3]),
        lambda: ["LRANGE", key(), small(), small()], lambda: ["LLEN", key()], lambda: ["LINDEX", key(), small()],
        lambda: ["LSET", key(), small(), value()], lambda: ["LREM", key(), small(), value()], lambda: ["LTRIM", key(), small(), small()],
        lambda: ["LINSERT", key(), r.choice(["BEFORE", "AFTER"]), value(), value()], lambda: ["LMOVE", key(), key(), end(), end()],
        lambda: ["RPOPLPUSH", key(), key()], lambda: ["LPOS", key(), value()] + option([], ["RANK", -1], ["COUNT", 0], ["MAXLEN", 2]),
        lambda: ["LMPOP", 2, key(), key(), end()] + option([], ["COUNT", 2]),
        lambda: ["HSET", key()] + [w for m in many(member) for w in (m, value())], lambda: ["HGET", key(), member()],
        lambda: ["HMGET", key()] + many(member), lambda: ["HDEL", key()] + many(member), lambda: ["HGETALL", key()],
        lambda: ["HKEYS", key()], lambda: ["HVALS", key()], lambda: ["HLEN", key()], lambda: ["HEXISTS", key(), member()],
        lambda: ["HSETNX", key(), member(), value()], lambda: ["HINCRBY", key(), member(), small()],
        lambda: ["HINCRBYFLOAT", key(), member(), number()], lambda: ["HSTRLEN", key(), member()],
        lambda: ["SADD", key()] + many(member), lambda: ["SREM", key()] + many(member), lambda: ["SMEMBERS", key()],
        lambda: ["SISMEMBER", key(), member()], lambda: ["SMISMEMBER", key()] + many(member), lambda: ["SCARD", key()],
        lambda: ["SMOVE", key(), key(), member()], lambda: ["SINTER"] + many(key, 3), lambda: ["SUNION"] + many(key, 3),
        lambda: ["SDIFF"] + many(key, 3), lambda: ["SINTERSTORE", key()] + many(key, 3), lambda: ["SUNIONSTORE", key()] + many(key, 3),
        lambda: ["SDIFFSTORE", key()] + many(key, 3), lambda: ["SINTERCARD", 2, key(), key()] + option([], ["LIMIT", 1]),
        lambda: ["ZADD", key()] + option([], [], ["NX"], ["XX"], ["GT"], ["LT", "CH"], ["NX", "GT"]) + [w for m in many(member) for w in (number(), m)],
        lambda: ["ZADD", key(), "INCR", number(), member()], lambda: ["ZINCRBY", key(), number(), member()],
        lambda: ["ZREM", key()] + many(member), lambda: ["ZSCORE", key(), member()], lambda: ["ZMSCORE", key()] + many(member),
        lambda: ["ZCARD", key()], lambda: ["ZCOUNT", key(), bound(), bound()], lambda: ["ZRANK", key(), member()], lambda: ["ZREVRANK", key(), member()],
        lambda: ["ZRANGE", key(), small(), small()] + option([], ["WITHSCORES"], ["REV"], ["REV", "WITHSCORES"]),
        lambda: ["ZRANGE", key(), bound(), bound(), "BYSCORE"] + option([], ["WITHSCORES"], ["REV"], ["LIMIT", 1, 2]),
        lambda: ["ZRANGE", key(), lexical(), lexical(), "BYLEX"] + option([], ["REV"], ["LIMIT", 0, 2]),
        lambda: ["ZRANGEBYSCORE", key(), bound(), bound()] + option([], ["WITHSCORES"], ["LIMIT", 1, 2]),
        lambda: ["ZREVRANGEBYSCORE", key(), bound(), bound()], lambda: ["ZREVRANGE", key(), small(), small()],
        lambda: ["ZRANGEBYLEX", key(), lexical(), lexical()], lambda: ["ZLEXCOUNT", key(), lexical(), lexical()],
        lambda: ["ZREMRANGEBYSCORE", key(), bound(), bound()], lambda: ["ZREMRANGEBYRANK", key(), small(), small()],
        # By member only where all scores are the same, elsewhere the result is not defined: so not ZREMRANGEBYLEX.
        lambda: ["ZPOPMIN", key()] + option([], [2], [0]), lambda: ["ZPOPMAX", key()],
        lambda: ["ZUNIONSTORE", key(), 2, key(), key()] + option([], ["WEIGHTS", 2, 3], ["AGGREGATE", "MAX"]),
        lambda: ["ZINTERSTORE", key(), 2, key(), key()] + option([], ["AGGREGATE", "MIN"]), lambda: ["ZDIFFSTORE", key(), 2, key(), key()],
        lambda: ["ZUNION", 2, key(), key(), "WITHSCORES"], lambda: ["ZINTER", 2, key(), key()], lambda: ["ZDIFF", 2, key(), key()],
        lambda: ["ZINTERCARD", 2, key(), key()], lambda: ["ZMPOP", 1, key(), r.choice(["MIN", "MAX"])], lambda: ["ZRANGESTORE", key(), key(), small(), small()],
        lambda: ["XADD", key(), r.choice(["1-1", "2-1", "5-*", "9-9", "0-0"]), "f", value()], lambda: ["XLEN", key()], lambda: ["XRANGE", key(), "-", "+"] + option([], ["COUNT", 1]),
        lambda: ["XDEL", key(), "1-1"], lambda: ["XTRIM", key(), "MAXLEN", r.randint(0, 3)], lambda: ["XREVRANGE", key(), "+", "-"],
        lambda: ["MULTI"], lambda: ["EXEC"], lambda: ["DISCARD"], lambda: ["WATCH", key()], lambda: ["UNWATCH"],
        lambda: ["NOSUCH", key()], lambda: ["GET"], lambda: ["PING"], lambda: ["ECHO", value()], lambda: ["SELECT", r.choice([0, 0, 0, 99, "x"])],
        lambda: ["EVAL", r.choice(["return redis.call('GET', KEYS[1])", "return {1,'a',false,{2}}", "return redis.error_reply('MY err')", "return redis.pcall('INCR', KEYS[1])", "return ARGV[1] .. #KEYS"]), 1, key(), "arg"],
    ]
    return lambda: r.choice(table)()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", default="127.0.0.1:6390")
    parser.add_argument("--taskd", default="127.0.0.1:6379")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--most", type=int, default=20, help="differences to show")
    options = parser.parse_args()
    peers = Peer(options.redis), Peer(options.taskd)
    r = random.Random(options.seed)
    make = grammar(r)
    for peer in peers:
        peer.ask("FLUSHALL")
    shown, queued = {}, []
    for step in range(options.steps):
        words = make()
        expected, got = (normal(words[0], peer.ask(*words), queued) for peer in peers)
        if words[0] in ("MULTI", "EXEC", "DISCARD") and expected[:1] != b"-":
            queued = []
        elif expected == b"+QUEUED":
            queued.append(words[0])
        if expected != got:
            kind = words[0]
            shown[kind] = shown.get(kind, 0) + 1
            if shown[kind] <= 2 and len(shown) <= options.most:
                print("step %d: %s\n  redis: %r\n  taskd: %r" % (step, " ".join(map(repr, words)), expected, got))
            # Make both agree again, so that one difference does not bring others.
            for peer in peers:
                peer.ask("DISCARD")
                peer.ask("FLUSHALL")
    print("seed %d, %d steps, differences: %s" % (options.seed, options.steps, shown or "none"))
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
