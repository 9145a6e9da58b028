"""Users: the same rules to the daemon and to a real Redis, then the same commands by that user. What is refused, and with
which words, must be the same. TEST_SEED, TEST_SEEDS and TEST_ROUNDS as for resp_differential.py."""

import re

from redis_wire import Connection, start_redis
from resp_random import FAMILIES, MOVE, ROUNDS, SEED, SEEDS, Draw
from support import RESP_HOST, RESP_PORT, check, main, scenario

PATTERNS = [b"*", b"str:*", b"*:1", b"list:[12]", b"hash:?", b"zset:1", b"s*", b"nothing", b"str:\\1"]
CHANNELS = [b"*", b"news", b"new*", b"n?ws", b"other"]
CATEGORIES = (
    b"keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking "
    b"dangerous connection transaction scripting nosuch"
).split()
NAMES = (
    b"get set mget append lpush lmove sort copy zunionstore georadius bitop config config|get client client|list object "
    b"object|freq xreadgroup eval publish nosuch config|nosuch"
).split()


def selector_rule(d):
    return d.one(
        d.one(b"~", b"%R~", b"%W~", b"%RW~", b"%rw~", b"%X~", b"%~") + d.one(*PATTERNS),
        d.one(b"~", b"%R~", b"%W~") + d.one(*PATTERNS),
        b"&" + d.one(*CHANNELS),
        d.one(b"+@", b"-@") + d.one(*CATEGORIES),
        d.one(b"+@", b"-@") + d.one(*CATEGORIES),
        d.one(b"+", b"-") + d.one(*NAMES),
        d.one(b"allkeys", b"resetkeys", b"allchannels", b"resetchannels", b"allcommands", b"nocommands", b"+@all"),
        d.one(b"+select|0", b"+get|str:1", b"-select|0", b"+config|get|x", b"+get|"),
    )


def user_rule(d):
    if d.chance(0.12):
        return b"(" + b" ".join(selector_rule(d) for _ in range(d.random.randint(1, 4))) + d.one(b")", b")", b")", b"")
    if d.chance(0.15):
        return d.one(
            b"on", b"nopass", b">pw", b">other", b"<other", b"#" + b"a" * 64, b"!" + b"a" * 64, b"#12", b"resetpass",
            b"clearselectors", b"sanitize-payload", b"skip-sanitize-payload", b"reset", b"foo", b"",
        )
    return selector_rule(d)


def publishing(d):
    return d.one(
        [b"PUBLISH", d.one(*CHANNELS), b"x"],
        [b"SPUBLISH", d.one(*CHANNELS), b"x"],
        [b"SUBSCRIBE", d.one(*CHANNELS), d.one(*CHANNELS)],
        [b"PSUBSCRIBE", d.one(*CHANNELS)],
        [b"UNSUBSCRIBE", b"other"],
        [b"CONFIG", b"GET", b"maxmemory"],
        [b"CLIENT", b"LIST"],
        [b"SELECT", d.one(b"0", b"1")],
        [b"EVAL", b"return 1", b"2", d.key("str"), d.key("hash")],
        [b"KEYS", b"*"],
    )


def as_redis_72(text, user):
    """Refusals in the words of 7.2."""
    if text is None:
        return None
    text = text.replace(b"This user has no permissions", b"User %s has no permissions" % user)
    text = re.sub(
        rb"^NOPERM this user has no permissions to run", b"NOPERM User %s has no permissions to run" % user, text)
    return re.sub(
        rb"^NOPERM this user has no permissions to access one of the (key|channel)s used as arguments$",
        rb"NOPERM No permissions to access a \1", text)


def shown_rights(reply):
    """Of GETUSER all but the commands, which 7.2 shows as they were said, and flags that it has more of."""
    if reply[0] == b"$":
        return None
    fields = {reply[1][i][1]: reply[1][i + 1] for i in range(0, len(reply[1]), 2)}
    flags = [f[1] for f in fields[b"flags"][1] if b"sanitize" not in f[1]]
    selectors = [
        {s[1][i][1]: s[1][i + 1] for i in range(0, len(s[1]), 2) if s[1][i][1] != b"commands"}
        for s in fields[b"selectors"][1]
    ]
    return flags, fields[b"passwords"], fields[b"keys"], fields[b"channels"], selectors


@scenario
def users_as_redis():
    print(f"seed {SEED}", flush=True)
    child, host, port = start_redis()
    servers = [Connection(RESP_HOST, RESP_PORT), Connection(host, port)]
    user = b"differential"
    try:
        for server in servers:
            server.call("ACL", "DELUSER", user)
        decided = {True: 0, False: 0}
        for seed in range(SEED, SEED + SEEDS * 20):
            d = Draw(seed)
            rules = [user_rule(d) for _ in range(d.random.randint(1, 7))]
            mine, theirs = (s.call("ACL", "SETUSER", user, *rules) for s in servers)
            check(mine == theirs, f"seed {seed}: SETUSER {rules}\n mine   {mine}\n theirs {theirs}")
            mine, theirs = (shown_rights(s.call("ACL", "GETUSER", user)) for s in servers)
            check(mine == theirs, f"seed {seed}: GETUSER after {rules}\n mine   {mine}\n theirs {theirs}")
            if mine is None:
                continue
            for _ in range(max(10, ROUNDS // 20)):
                words = d.one(*FAMILIES, publishing)(d)
                if words[0] == MOVE:
                    continue
                mine, theirs = (s.call("ACL", "DRYRUN", user, *words) for s in servers)
                decided[mine == (b"+", b"OK")] += 1
                theirs = (theirs[0], as_redis_72(theirs[1], user))
                check(mine == theirs, f"seed {seed}: {words} after {rules}\n mine   {mine}\n theirs {theirs}")
                if mine[0] == b"$":
                    # What is refused in a rehearsal is refused in earnest.
                    for server in servers:
                        server.call("ACL", "SETUSER", user, "on", "nopass")
                    clients = [Connection(RESP_HOST, RESP_PORT), Connection(host, port)]
                    for client in clients:
                        client.call("AUTH", user, "pw")
                    mine, theirs = (c.call(*words) for c in clients)
                    theirs = (theirs[0], as_redis_72(theirs[1], user))
                    check(mine == theirs, f"seed {seed}: {words} by the user\n mine   {mine}\n theirs {theirs}")
                    for client in clients:
                        client.socket.close()
        print(f"allowed {decided[True]}, refused {decided[False]}")
        check(min(decided.values()) > 50, f"both decisions come up often: {decided}")
    finally:
        servers[0].call("ACL", "DELUSER", user)
        if child:
            child.terminate()
            child.wait(10)


if __name__ == "__main__":
    main()
