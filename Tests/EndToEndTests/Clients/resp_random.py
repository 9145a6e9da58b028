"""Random commands of every family, for comparing the daemon with a real Redis: right ones mostly, on few keys, so that
states go deep, with wrong types, arities and numbers in between. The same seed gives the same commands."""

import hashlib
import os
import random

SEED = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(2**32))
SEEDS = int(os.environ.get("TEST_SEEDS", 10))
ROUNDS = int(os.environ.get("TEST_ROUNDS", 1500))

# What the words are drawn from.

KINDS = ["str", "list", "hash", "set", "zset", "stream", "hll", "geo"]
TEXTS = [b"a", b"b", b"c", b"abc", b"", b"foo", b"10", b"-5", b"3.5", b"x" * 64, b"y" * 65, b"\x01\xff\r\n", b"007"]
MEMBERS = [b"m%d" % n for n in range(12)] + [b"%d" % n for n in range(-3, 12)] + [b"z" * 70, b""]
NUMBERS = [b"0", b"1", b"-1", b"2", b"3", b"-2", b"5", b"10", b"100", b"-100"]
BAD_NUMBERS = [b"", b"x", b"1.5", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b" 1", b"+1"]
SCORES = [b"0", b"1", b"-1", b"2.5", b"3", b"1e3", b"inf", b"-inf", b"+inf", b"0x10", b"100", b"0.25", b"-0", b"5"]
BAD_SCORES = [b"nan", b"x", b"", b"1 ", b" 1", b"1e999"]
BOUNDS = SCORES + [b"(1", b"(2.5", b"(inf", b"(-inf", b"-inf", b"+inf"]
LEX = [b"-", b"+", b"[a", b"(b", b"[m1", b"(m5", b"[m9", b"[", b"("]
IDS = [b"%d-%d" % (a, b) for a in range(1, 8) for b in (0, 1, 5)] + [b"3", b"5"]
# A string, one with a wrong sum, a list of Redis 6, nothing.
PAYLOADS = [
    bytes.fromhex("000568656c6c6f0a006372df766534200a"),
    bytes.fromhex("000568656c6c6e0a006372df766534200a"),
    bytes.fromhex("0e0210100000000d000000020000016103fdff11110000000d000000020000016203feffff09003df5a71fafba5fa2"),
    b"",
]
GLOBS = [b"*", b"m*", b"?1", b"[m]*", b"\\*", b"", b"m[^1]", b"[a-c"]


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def key(self, kind):
        if self.chance(0.04):
            kind = self.one(*KINDS)
        return b"%s:%d" % (kind.encode(), self.random.randrange(4))

    def keys(self, kind, least=1, most=3):
        return [self.key(kind) for _ in range(self.random.randint(least, most))]

    def number(self):
        return self.one(*BAD_NUMBERS) if self.chance(0.04) else self.one(*NUMBERS)

    def score(self):
        return self.one(*BAD_SCORES) if self.chance(0.03) else self.one(*SCORES)

    def bound(self):
        return self.one(*BAD_SCORES) if self.chance(0.03) else self.one(*BOUNDS)

    def lex(self):
        return self.one(*TEXTS) if self.chance(0.05) else self.one(*LEX)

    def text(self):
        return self.one(*TEXTS)

    def member(self):
        return self.one(*MEMBERS)

    def members(self, most=4):
        return [self.member() for _ in range(self.random.randint(1, most))]

    def case(self, word):
        return word.lower() if self.chance(0.3) else word

    def options(self, *choices):
        """Some of these groups of words, in any order, at times twice."""
        words = []
        for choice in self.random.sample(choices, len(choices)):
            if self.chance(0.3):
                words += [self.case(choice[0]), *choice[1:]]
        return words

    def counted(self, kind, extra=0):
        keys = self.keys(kind)
        count = len(keys) if not self.chance(0.05) else len(keys) + self.one(-1, 1, 2, -5)
        return [b"%d" % count, *keys]

    def id(self):
        return self.one(b"x", b"1-2-3", b"-1", b"", b"1-x") if self.chance(0.04) else self.one(*IDS)

    def interval(self):
        return self.one(b"-", b"+", self.id(), self.id(), b"(" + self.id())


def lists(d):
    key, end = d.key("list"), lambda: d.case(d.one(b"LEFT", b"RIGHT", b"LEFT", b"RIGHT", b"UP" if d.chance(0.1) else b"LEFT"))
    other = d.key("list")
    return d.one(
        [d.one(b"LPUSH", b"RPUSH"), key, *[d.text() for _ in range(d.random.randint(1, 5))]],
        [d.one(b"LPUSH", b"RPUSH"), key, *[b"%d" % n for n in range(d.one(1, 30, 3))]],
        [d.one(b"LPUSH", b"RPUSH"), key, *[b"v" * 300 for _ in range(d.one(1, 1, 30))]],
        [d.one(b"LPUSHX", b"RPUSHX"), key, d.text()],
        [d.one(b"LPOP", b"RPOP"), key] + ([d.number()] if d.chance(0.4) else []),
        [b"LLEN", key],
        [b"LINDEX", key, d.number()],
        [b"LINSERT", key, d.case(d.one(b"BEFORE", b"AFTER", b"AFTER", b"X")), d.text(), d.text()],
        [b"LSET", key, d.number(), d.text()],
        [b"LRANGE", key, d.number(), d.number()],
        [b"LRANGE", key, b"0", b"-1"],
        [b"LREM", key, d.number(), d.text()],
        [b"LTRIM", key, d.number(), d.number()],
        [b"LPOS", key, d.text(), *d.options((b"RANK", d.number()), (b"COUNT", d.number()), (b"MAXLEN", d.number()))],
        [b"LMOVE", key, other, end(), end()],
        [b"RPOPLPUSH", key, other],
        [b"LMPOP", *d.counted("list"), end(), *d.options((b"COUNT", d.number()))],
        [d.one(b"BLPOP", b"BRPOP"), *d.keys("list"), d.one(b"0.01", b"0.01", b"-1", b"x")],
        [b"BLMOVE", key, other, end(), end(), d.one(b"0.01", b"0.01", b"-1", b"x")],
        [b"BRPOPLPUSH", key, other, d.one(b"0.01", b"0.01", b"-1", b"x")],
        [b"BLMPOP", d.one(b"0.01", b"0.01", b"-1", b"x"), *d.counted("list"), end(), *d.options((b"COUNT", d.number()))],
        [b"SORT", key, *d.options((b"ALPHA",), (b"DESC",), (b"LIMIT", b"0", b"3"), (b"STORE", other))],
    )


def hashes(d):
    key = d.key("hash")
    return d.one(
        [d.one(b"HSET", b"HMSET"), key, *[w for m in d.members() for w in (m, d.text())]],
        [b"HSET", key, *[w for n in range(d.one(1, 60, 140)) for w in (b"f%d" % n, d.text())]],
        [b"HSETNX", key, d.member(), d.text()],
        [b"HGET", key, d.member()],
        [b"HMGET", key, *d.members()],
        [d.one(b"HGETALL", b"HKEYS", b"HVALS"), key],
        [b"HLEN", key],
        [b"HSTRLEN", key, d.member()],
        [b"HEXISTS", key, d.member()],
        [b"HDEL", key, *d.members()],
        [b"HINCRBY", key, d.member(), d.number()],
        [b"HINCRBYFLOAT", key, d.member(), d.one(d.score(), b"1.1", b"1e-5", b"3.0e3")],
        [b"HRANDFIELD", key] + d.one([], [d.number()], [d.number(), d.one(b"WITHVALUES", b"X")]),
        [b"HSCAN", key, b"0", *d.options((b"MATCH", d.one(*GLOBS)), (b"COUNT", d.one(b"1000", b"x", b"0")))],
    )


def sets(d):
    key, other = d.key("set"), d.key("set")
    return d.one(
        [b"SADD", key, *d.members()],
        [b"SADD", key, *[b"%d" % n for n in range(d.one(1, 10, 130, 520))]],
        [b"SREM", key, *d.members()],
        [b"SISMEMBER", key, d.member()],
        [b"SMISMEMBER", key, *d.members()],
        [b"SMEMBERS", key],
        [b"SCARD", key],
        [b"SPOP", key] + d.one([], [d.number()]),
        [b"SRANDMEMBER", key] + d.one([], [d.number()]),
        [b"SMOVE", key, other, d.member()],
        [d.one(b"SINTER", b"SUNION", b"SDIFF"), *d.keys("set")],
        [d.one(b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"), other, *d.keys("set")],
        [b"SINTERCARD", *d.counted("set"), *d.options((b"LIMIT", d.number()))],
        [b"SSCAN", key, b"0", *d.options((b"MATCH", d.one(*GLOBS)), (b"COUNT", d.one(b"1000", b"x", b"0")))],
        [b"SORT", key, *d.options((b"ALPHA",), (b"DESC",), (b"LIMIT", d.number(), d.number()), (b"STORE", d.key("list")))],
    )


def names(d):
    """Ranges by name make sense where all scores are equal: keys of their own."""
    key = b"lex:%d" % d.random.randrange(2)
    return d.one(
        [b"ZADD", key, *[w for m in d.members() for w in (b"0", m)]],
        [b"ZADD", key, *[w for n in range(d.one(1, 30, 140)) for w in (b"0", b"m%d" % n)]],
        [b"ZLEXCOUNT", key, d.lex(), d.lex()],
        [b"ZRANGE", key, d.lex(), d.lex(), b"BYLEX", *d.options((b"REV",), (b"LIMIT", d.number(), d.number()), (b"WITHSCORES",))],
        [d.one(b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"), key, d.lex(), d.lex(), *d.options((b"LIMIT", d.number(), d.number()))],
        [b"ZREMRANGEBYLEX", key, d.lex(), d.lex()],
        [b"ZREM", key, *d.members()],
        [b"DEL", key] if d.chance(0.2) else [b"ZCARD", key],
    )


def sorted_sets(d):
    key, other = d.key("zset"), d.key("zset")
    withscores = [d.case(b"WITHSCORES")] if d.chance(0.4) else []
    weights = [b"WEIGHTS", *[d.score() for _ in range(d.random.randint(1, 3))]]
    algebra = d.options(tuple(weights), (b"AGGREGATE", d.one(b"SUM", b"MIN", b"MAX", b"AVG")))
    return d.one(
        [b"ZADD", key, *d.options((b"NX",), (b"XX",), (b"GT",), (b"LT",), (b"CH",), (b"INCR",)), d.score(), d.member()],
        [b"ZADD", key, *d.options((b"CH",)), *[w for m in d.members() for w in (d.score(), m)]],
        [b"ZADD", key, *[w for n in range(d.one(1, 30, 140)) for w in (b"%d" % (n % 7), b"m%d" % n)]],
        [b"ZINCRBY", key, d.score(), d.member()],
        [b"ZSCORE", key, d.member()],
        [b"ZMSCORE", key, *d.members()],
        [b"ZCARD", key],
        [b"ZCOUNT", key, d.bound(), d.bound()],
        [d.one(b"ZRANK", b"ZREVRANK"), key, d.member()],
        [d.one(b"ZRANGE", b"ZREVRANGE"), key, d.number(), d.number(), *withscores],
        [b"ZRANGE", key, d.bound(), d.bound(), b"BYSCORE", *d.options((b"REV",), (b"LIMIT", d.number(), d.number()), (b"WITHSCORES",))],
        [b"ZRANGE", key, d.number(), d.number(), *d.options((b"REV",), (b"LIMIT", d.number(), d.number()), (b"X",))],
        [b"ZRANGESTORE", other, key, d.number(), d.number(), *d.options((b"REV",), (b"BYSCORE",), (b"LIMIT", b"0", b"2"))],
        [d.one(b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"), key, d.bound(), d.bound(), *withscores, *d.options((b"LIMIT", d.number(), d.number()))],
        [b"ZREM", key, *d.members()],
        [b"ZREMRANGEBYRANK", key, d.number(), d.number()],
        [b"ZREMRANGEBYSCORE", key, d.bound(), d.bound()],
        [d.one(b"ZPOPMIN", b"ZPOPMAX"), key] + ([d.number()] if d.chance(0.5) else []),
        [d.one(b"BZPOPMIN", b"BZPOPMAX"), *d.keys("zset"), d.one(b"0.01", b"0.01", b"-1", b"x")],
        [b"ZMPOP", *d.counted("zset"), d.case(d.one(b"MIN", b"MAX")), *d.options((b"COUNT", d.number()))],
        [b"BZMPOP", b"0.01", *d.counted("zset"), d.one(b"MIN", b"MAX", b"X"), *d.options((b"COUNT", d.number()))],
        [d.one(b"ZUNION", b"ZINTER"), *d.counted(d.one("zset", "zset", "set")), *algebra, *withscores],
        [d.one(b"ZUNIONSTORE", b"ZINTERSTORE"), other, *d.counted("zset"), *algebra],
        [b"ZDIFF", *d.counted("zset"), *withscores],
        [b"ZDIFFSTORE", other, *d.counted("zset")],
        [b"ZINTERCARD", *d.counted("zset"), *d.options((b"LIMIT", d.number()))],
        [b"ZRANDMEMBER", key] + d.one([], [d.number()], [d.number(), d.one(b"WITHSCORES", b"X")]),
        [b"ZSCAN", key, b"0", *d.options((b"MATCH", d.one(*GLOBS)), (b"COUNT", d.one(b"1000", b"x", b"0")))],
        [b"SORT", key, *d.options((b"ALPHA",), (b"DESC",), (b"BY", b"nosort"), (b"LIMIT", b"1", b"3"))],
    )


def streams(d):
    key = d.key("stream")
    group, consumer = d.one(b"g1", b"g2"), d.one(b"c1", b"c2", b"c3")
    trim = d.one([], [], [d.one(b"MAXLEN", b"maxlen"), *d.one([], [b"="], [b"~"]), d.number()], [b"MINID", d.id()])
    limit = [b"LIMIT", d.number()] if trim and d.chance(0.1) else []
    return d.one(
        [b"XADD", key, *d.options((b"NOMKSTREAM",)), *trim, *limit, d.one(d.id(), b"7-*", b"8-*", b"9-*"), b"f", d.text()],
        [b"XADD", key, d.one(b"7-*", b"8-*", b"9-*", b"9-*"), b"f", d.text(), b"g", d.text()],
        [b"XADD", key, d.one(b"7-*", b"8-*", b"9-*", b"9-*"), b"f"] + ([d.text()] if d.chance(0.8) else []),
        [b"XLEN", key],
        [b"XRANGE", key, d.interval(), d.interval(), *d.options((b"COUNT", d.number()))],
        [b"XRANGE", key, b"-", b"+"],
        [b"XREVRANGE", key, d.interval(), d.interval(), *d.options((b"COUNT", d.number()))],
        [b"XDEL", key, d.id(), d.id()],
        [b"XTRIM", key, *trim, *limit],
        [b"XREAD", *d.options((b"COUNT", d.number()), (b"BLOCK", b"1")), b"STREAMS", key, d.one(d.id(), b"$", b"0", b">")],
        [b"XREAD", b"STREAMS", key, d.key("stream"), d.id(), d.id()][: d.one(5, 6, 6, 6)],
        [b"XGROUP", b"CREATE", key, group, d.one(d.id(), b"$", b"0"), *d.options((b"MKSTREAM",), (b"ENTRIESREAD", d.number()))],
        [b"XGROUP", b"SETID", key, group, d.one(d.id(), b"$", b"0"), *d.options((b"ENTRIESREAD", d.number()))],
        [b"XGROUP", b"DESTROY", key, group] if d.chance(0.2) else [b"XLEN", key],
        [b"XGROUP", d.one(b"CREATECONSUMER", b"CREATECONSUMER", b"DELCONSUMER"), key, group, consumer],
        [b"XREADGROUP", b"GROUP", group, consumer, *d.options((b"COUNT", d.number()), (b"BLOCK", b"1"), (b"NOACK",)), b"STREAMS", key, d.one(b">", b">", b">", b"0", d.id(), b"$")],
        [b"XACK", key, group, d.id(), d.id()],
        [b"XPENDING", key, group],
        [b"XPENDING", key, group, d.interval(), d.interval(), d.number(), *([consumer] if d.chance(0.3) else [])],
        [b"XCLAIM", key, group, consumer, b"0", d.id(), d.id(), *d.options((b"JUSTID",), (b"FORCE",), (b"RETRYCOUNT", d.number()), (b"LASTID", d.id()), (b"X",))],
        [b"XAUTOCLAIM", key, group, consumer, b"0", d.interval(), *d.options((b"COUNT", d.number()), (b"JUSTID",))],
        [b"XINFO", b"STREAM", key],
        [b"XINFO", b"GROUPS", key],
        [b"XSETID", key, d.one(b"9-100", d.id()), *d.options((b"ENTRIESADDED", d.number()), (b"MAXDELETEDID", d.id()))],
    )


def strings(d):
    key, other = d.key("str"), d.key("str")
    expiry = d.one((b"EX", b"100"), (b"PX", b"100000"), (b"EXAT", b"99999999999"), (b"KEEPTTL",), (b"EX", b"0"), (b"EX", b"x"))
    return d.one(
        [b"SET", key, d.one(d.text(), d.number(), b"v" * 200), *d.options(expiry, (b"NX",), (b"XX",), (b"GET",))],
        [b"GET", key],
        [b"GETSET", key, d.text()],
        [b"GETDEL", key],
        [b"GETEX", key, *d.options(expiry, (b"PERSIST",))],
        [b"MGET", *d.keys(d.one(*KINDS))],
        [d.one(b"MSET", b"MSETNX"), *[w for k in d.keys("str") for w in (k, d.text())]],
        [b"SETNX", key, d.text()],
        [d.one(b"SETEX", b"PSETEX"), key, d.one(b"100000", b"100000", b"0", b"-1", b"x"), d.text()],
        [d.one(b"INCR", b"DECR"), key],
        [d.one(b"INCRBY", b"DECRBY"), key, d.number()],
        [b"INCRBYFLOAT", key, d.one(d.score(), b"1.1", b"1e-5", b"3.0e3")],
        [b"APPEND", key, d.text()],
        [b"STRLEN", key],
        [b"SETRANGE", key, d.one(b"0", b"3", b"10", b"-1", b"x"), d.text()],
        [d.one(b"GETRANGE", b"SUBSTR"), key, d.number(), d.number()],
        [b"LCS", key, other, *d.options((b"LEN",), (b"IDX",), (b"MINMATCHLEN", d.number()), (b"WITHMATCHLEN",))],
    )


def bits(d):
    key = d.key("str")
    return d.one(
        [b"SETBIT", key, d.one(b"0", b"7", b"100", b"-1"), d.one(b"0", b"1", b"2")],
        [b"GETBIT", key, d.one(b"0", b"7", b"100", b"-1")],
        [b"BITCOUNT", key, *d.one([], [d.number(), d.number()], [d.number(), d.number(), d.one(b"BIT", b"BYTE", b"X")], [d.number()])],
        [b"BITPOS", key, d.one(b"0", b"1", b"2"), *d.one([], [d.number()], [d.number(), d.number()])],
        [b"BITOP", d.one(b"AND", b"OR", b"XOR", b"NOT"), key, *d.keys("str")],
    )


def hyperloglogs(d):
    key, other = d.key("hll"), d.key("hll")
    return d.one(
        [b"PFADD", key, *d.members()],
        [b"PFADD", key, *[b"e%d" % d.random.randrange(9000) for _ in range(d.one(0, 1, 30, 900))]],
        [b"PFCOUNT", key],
        [b"PFCOUNT", *d.keys("hll")],
        [b"PFMERGE", key, *d.keys("hll")],
        [b"PFDEBUG", d.one(b"ENCODING", b"DECODE", b"TODENSE" if d.chance(0.2) else b"DECODE", b"GETREG", b"X"), other],
        [b"GET", key],
        [b"SET", key, d.one(b"HYLL" + b"\x01" + b"\0" * 11, b"HYLL\x02" + b"\0" * 20, d.text())] if d.chance(0.1) else [b"GET", other],
        [b"DEL", key] if d.chance(0.2) else [b"STRLEN", key],
    )


def geo(d):
    key, other = d.key("geo"), d.key("geo")
    unit = lambda: d.case(d.one(b"M", b"KM", b"FT", b"MI", b"KM", b"KM", b"yd" if d.chance(0.1) else b"KM"))
    angle = lambda most: d.one(b"x", b"nan", b"200", b"-inf") if d.chance(0.02) else b"%.*f" % (d.one(0, 2, 6), d.random.uniform(-most, most))
    place = lambda: d.one([angle(180), angle(85)], [angle(3), angle(3)], [angle(3), angle(3)])
    size = lambda: d.one(b"0", b"x", b"-1", b"inf") if d.chance(0.03) else d.one(b"1", b"50", b"200.5", b"1000", b"5000", b"20000")
    count = d.one([], [], [b"COUNT", d.number()], [b"COUNT", d.number(), b"ANY"], [b"ANY"] if d.chance(0.1) else [])
    show = d.options((b"WITHCOORD",), (b"WITHDIST",), (b"WITHHASH",))
    order = d.one([], [b"ASC"], [b"DESC"])
    store = d.one([], [], [b"STORE", other], [b"STOREDIST", other])
    center = d.one([b"FROMMEMBER", d.member()], [b"FROMLONLAT", *place()])
    shape = d.one([b"BYRADIUS", size(), unit()], [b"BYBOX", size(), size(), unit()])
    extra = d.one(center, shape) if d.chance(0.03) else []
    parts = d.random.sample([center, shape, order, count], 4)
    words = [w for part in parts for w in part] + extra
    return d.one(
        [b"GEOADD", key, *d.options((b"NX",), (b"XX",), (b"CH",)), *place(), d.member()],
        [b"GEOADD", key, *[w for m in d.members() for w in (*place(), m)]],
        [b"GEOADD", key, *[w for n in range(d.one(1, 30, 140)) for w in (*place(), b"m%d" % n)]],
        [b"GEODIST", key, d.member(), d.member(), *d.one([], [unit()])],
        [b"GEOHASH", key, *d.members()],
        [b"GEOPOS", key, *d.members()],
        [b"GEOSEARCH", key, *words, *show],
        [b"GEOSEARCH", key, *words],
        [b"GEOSEARCHSTORE", other, key, *words, *d.options((b"STOREDIST",)), *(show if d.chance(0.1) else [])],
        [d.one(b"GEORADIUS", b"GEORADIUS_RO"), key, *place(), size(), unit(), *order, *count, *show],
        [b"GEORADIUS", key, *place(), size(), unit(), *order, *count, *store, *(show if d.chance(0.1) else [])],
        [d.one(b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO"), key, d.member(), size(), unit(), *order, *count, *show],
        [b"GEORADIUSBYMEMBER", key, d.member(), size(), unit(), *order, *count, *store],
        [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        [b"ZREM", key, *d.members()],
    )


# Moves the value of the first key to the second as bytes, from each server to both.
MOVE = b"(dump and restore)"


def dumps(d):
    kind = d.one(*KINDS)
    key, other = d.key(kind), d.key(kind)
    ttl = d.one(b"0", b"0", b"100000", b"200000", b"-1", b"x")
    options = d.options((b"REPLACE",), (b"REPLACE",), (b"ABSTTL",), (b"IDLETIME", d.number()), (b"FREQ", d.number()))
    return d.one(
        [MOVE, key, other],
        [MOVE, key, other],
        [b"RESTORE", key, ttl, d.one(*PAYLOADS), *options],
        d.one(*FAMILIES)(d),
        d.one(*FAMILIES)(d),
    )


def generic(d):
    key, other = d.key(d.one(*KINDS)), d.key(d.one(*KINDS))
    return d.one(
        [d.one(b"DEL", b"UNLINK"), *d.keys(d.one(*KINDS))] if d.chance(0.4) else [b"EXISTS", key],
        [b"EXISTS", *d.keys(d.one(*KINDS))],
        [b"TOUCH", *d.keys(d.one(*KINDS))],
        [b"TYPE", key],
        [b"OBJECT", b"ENCODING", key],
        [d.one(b"RENAME", b"RENAMENX"), key, other] if d.chance(0.5) else [b"TYPE", key],
        [b"COPY", key, other, *d.options((b"REPLACE",), (b"DB", b"9"))],
        [d.one(b"EXPIRE", b"PEXPIRE"), key, d.one(b"100000", b"200000", b"x", b"9223372036854775807"), *d.options((b"NX",), (b"XX",), (b"GT",), (b"LT",))],
        [d.one(b"EXPIREAT", b"PEXPIREAT"), key, d.one(b"9999999999999", b"-1" if d.chance(0.1) else b"9999999999998")],
        [d.one(b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"), key],
        [b"PERSIST", key],
        [b"KEYS", d.one(b"*", b"str:*", b"?et:[12]", b"nothing")],
        [b"DBSIZE"],
        [b"SCAN", b"0", *d.options((b"COUNT", b"1000"), (b"TYPE", d.one(b"list", b"zset", b"x")), (b"MATCH", b"*:1"))],
        [b"PING"] + d.one([], [b"x"], [b"x", b"y"]),
        [b"ECHO", d.text()],
        [b"NOSUCHCOMMAND", d.key("str"), d.one(b"", b"foo")],
        [b"OBJECT", b"NOSUCH", key],
        [b"XGROUP", b"NOSUCH", key],
    )


LIBRARIES = [b"diff_a", b"diff_b", b"diff_c"]
BODIES = [
    b"return {keys, args}",
    b"return redis.call('SET', keys[1], args[1])",
    b"return redis.call('GET', keys[1])",
    b"return redis.pcall('INCR', keys[1])",
    b"redis.setresp(3) local n = 0 for _ in pairs(redis.call('HGETALL', keys[1]).map) do n = n + 1 end return n",
    b"return {map = {one = 1.5}}",
    b"return redis.error_reply('MINE own words')",
    b"return {KEYS, ARGV}",
    b"n = 1",
    b"error('stop')",
    b"error({err = 'MINE stop'})",
    b"return redis.register_function('x', function() end)",
    b"return {3.7, true, false, {ok = 'fine'}}",
    b"return redis.call('FCALL', 'diff_f', 0)",
    b"local names = {} for name in pairs(redis) do table.insert(names, name) end table.sort(names) return #names",
]
BAD_CODE = [
    b"",
    b"#!lua name=diff_a",
    b"#!lua\nreturn 1",
    b"#!lua name=diff-a\n",
    b"#!js name=diff_a\n",
    b"#!lua name='diff_a\n",
    b"#!lua name=diff_a name=diff_b\n",
    b"#!lua name=diff_a flags=x\n",
    b"#!lua name=diff_a\n",
    b"#!lua name=diff_a\nx(",
    b"#!lua name=diff_a\nx = 1",
    b"#!lua name=diff_a\nlocal x = pairs",
    b"#!lua name=diff_a\nredis.call('PING')",
    b"#!lua name=diff_a\nredis.register_function()",
    b"#!lua name=diff_a\nredis.register_function('f', 1)",
    b"#!lua name=diff_a\nredis.register_function('a-b', function() end)",
    b"#!lua name=diff_a\nredis.register_function{function_name = 'f'}",
    b"#!lua name=diff_a\nredis.register_function{callback = function() end}",
    b"#!lua name=diff_a\nredis.register_function{function_name = 'f', callback = function() end, what = 1}",
    b"#!lua name=diff_a\nredis.register_function{function_name = 'f', callback = function() end, flags = {'what'}}",
    b"#!lua name=diff_a\nfor i = 1, 2 do redis.register_function('f', function() end) end",
]
SHEBANGS = [b"#!lua", b"#!lua flags=no-writes", b"#!lua flags=no-writes,allow-oom", b"#!lua flags=", b"#!lua flags=x", b"#!js", b"#!lua x=1", b"#!lua 'flags=no-cluster'"]
# Each server loads what the other has dumped.
MOVE_LIBRARIES = b"move-libraries"


def function_code(d):
    if d.chance(0.2):
        return d.one(*BAD_CODE)
    lines = [b"#!lua name=" + d.one(*LIBRARIES)]
    for _ in range(d.random.randint(1, 2)):
        # Two names that differ in case only, in one library, bring Redis 7.0 down.
        name, body = d.one(b"diff_f", b"diff_g", b"diff_h"), d.one(*BODIES)
        function = b"function(keys, args) " + body + b" end"
        if d.chance(0.5):
            lines.append(b"redis.register_function('" + name + b"', " + function + b")")
        else:
            flags = b", ".join(b"'" + f + b"'" for f in [b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster"] if d.chance(0.4))
            lines.append(b"redis.register_function{function_name = '" + name + b"', callback = " + function + b", flags = {" + flags + b"}}")
    return b"\n".join(lines)


def functions(d):
    call = [d.one(b"FCALL", b"FCALL_RO"), d.one(b"diff_f", b"diff_g", b"Diff_H", b"none")]
    script = d.one(*SHEBANGS) + b"\nreturn redis.call(" + d.one(b"'SET', KEYS[1], 1", b"'GET', KEYS[1]") + b")"
    return d.one(
        [b"FUNCTION", b"LOAD", *d.options((b"REPLACE",)), function_code(d)],
        [b"FUNCTION", b"LOAD", b"REPLACE", function_code(d)],
        call + [b"1", d.key("str"), d.text()],
        call + [b"1", d.key("hash"), d.text()],
        call + [d.one(b"0", b"2", b"-1", b"x"), d.key("str"), d.text()],
        [b"FUNCTION", b"LIST", b"LIBRARYNAME", d.one(b"diff_*", b"DIFF_A", b"none"), *d.options((b"WITHCODE",), (b"what",))],
        [b"FUNCTION", b"DELETE", d.one(*LIBRARIES)] if d.chance(0.3) else [b"FUNCTION", d.one(b"KILL", b"WHAT")],
        [b"FUNCTION", b"RESTORE", d.one(*PAYLOADS), *d.options((d.one(b"APPEND", b"REPLACE", b"WHAT"),))],
        [MOVE_LIBRARIES],
        [d.one(b"EVAL", b"EVAL_RO"), script, b"1", d.key("str")],
    )


FAMILIES = [lists, hashes, sets, sorted_sets, names, streams, strings, generic]
# Families of commands that the daemon need not have.
OPTIONAL = [(bits, b"BITCOUNT"), (hyperloglogs, b"PFADD"), (geo, b"GEOADD"), (dumps, b"DUMP"), (functions, b"FUNCTION")]

# A script that calls the command that it is given, and the same by its digest.
CALLS_ITS_ARGUMENTS = b"return redis.call(unpack(ARGV))"
CALLS_SHA = hashlib.sha1(CALLS_ITS_ARGUMENTS).hexdigest().encode()
# What is compared by more than one command, or draws: not inside a transaction or a script.
ALONE = {b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN", b"FUNCTION", b"EVAL", MOVE, MOVE_LIBRARIES}


def spoil(d, words):
    """At times a word too few or too many."""
    if words[0] in (MOVE, MOVE_LIBRARIES):
        return words
    if d.chance(0.02) and len(words) > 1:
        del words[d.random.randrange(1, len(words))]
    elif d.chance(0.01):
        words.insert(d.random.randrange(1, len(words) + 1), d.one(b"foo", b"", b"1"))
    return words


def unit(d, families):
    """One command, or a few that belong together: a transaction, a command within a script."""

    def plain():
        while True:
            words = spoil(d, d.one(*families)(d))
            if words[0].upper() not in ALONE:
                return words

    if d.chance(0.02):
        inside = [plain() for _ in range(d.random.randint(1, 5))]
        start = [[b"WATCH", d.key(d.one(*KINDS))]] if d.chance(0.2) else []
        return [*start, [b"MULTI"], *inside, [b"DISCARD"] if d.chance(0.2) else [b"EXEC"]]
    if d.chance(0.03):
        by = d.one([b"EVAL", CALLS_ITS_ARGUMENTS], [b"EVAL", CALLS_ITS_ARGUMENTS], [b"EVALSHA", CALLS_SHA])
        return [[*by, b"0", *plain()]]
    return [spoil(d, d.one(*families)(d))]
