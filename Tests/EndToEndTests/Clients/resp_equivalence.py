"""When two replies to the same command are the same: order where there is none, times, draws; and the list of differences
between Redis 7.0, which Debian has, and 7.2, which the daemon announces. Nothing else is forgiven."""

# How replies are compared where byte for byte would be wrong.

UNORDERED = {b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"HKEYS", b"HVALS", b"KEYS"}
UNORDERED_PAIRS = {b"HGETALL"}
SCANS = {b"SCAN": 1, b"SSCAN": 1, b"HSCAN": 2, b"ZSCAN": 2}
DRAWN = {b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"RANDOMKEY"}
TIMES = {b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"}


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def same_text(mine, theirs):
    """Redis 7.0 prints doubles with 17 digits, 7.2 with as few as give the same double."""
    return mine == theirs or (is_number(mine) and is_number(theirs) and float(mine) == float(theirs))


def flatten(reply):
    kind, value = reply
    if isinstance(value, list):
        yield kind
        for part in value:
            yield from flatten(part)
    else:
        yield kind
        yield value


def same(mine, theirs):
    a, b = list(flatten(mine)), list(flatten(theirs))
    return len(a) == len(b) and all(x == y or (isinstance(x, bytes) and isinstance(y, bytes) and same_text(x, y)) for x, y in zip(a, b))


def sort_groups(value, width):
    groups = [tuple(value[i : i + width]) for i in range(0, len(value), width)]
    return [part for group in sorted(groups, key=repr) for part in group]


# XSETID does not go below what was deleted, since 7.2: from here on the two streams are not the same.
PARTS = "the key is not the same any more"


def known_difference(name, words, mine, theirs):
    """Why this difference is right: Redis 7.0 does one thing, 7.2 another."""
    a, b = mine[1], theirs[1]
    if name == b"OBJECT" and (a, b) == (b"listpack", b"hashtable"):
        return "small sets are packed since 7.2"
    if name == b"OBJECT" and {a, b} == {b"listpack", b"quicklist"}:
        return "lists are packed while they are small since 7.2"
    if name in (b"ZRANK", b"ZREVRANK") and len(words) > 3:
        return "WITHSCORE is there since 7.2"
    if name == b"OBJECT" and (a, b) == (b"listpack", b"skiplist"):
        return "SORT unpacks a sorted set for good; here it leaves it as it is"
    if name == b"BITPOS" and mine[0] == theirs[0] == b"-":
        return "of several bad options another one is named first"
    if name == b"SORT" and theirs[0] == b"-" and b"One or more scores" in b and mine[0] != b"-":
        return "Redis takes an earlier command's error for one of this command"
    if name == b"OBJECT" and (a, b) == (b"listpack", b"intset"):
        return "SPOP of most members builds a set anew in Redis"
    if name in (b"BITCOUNT", b"BITPOS") and mine[0] == b"-" and theirs[0] == b":":
        return "bad options are errors since 7.2, even if there is no key"
    if name == b"OBJECT" and b == b"raw" and a in (b"int", b"embstr"):
        return "results of BITOP and SETBIT are held like any string here"
    if name in (b"LPOS", b"LREM") and b"-9223372036854775808" in words:
        return "ranks and counts have a bound since 7.2"
    if name == b"XGROUP" and words[1].upper() in (b"CREATECONSUMER", b"DELCONSUMER"):
        return "a consumer is made even if it gets nothing since 7.2"
    if name == b"OBJECT" and (a, b) == (b"int", b"embstr"):
        return "sums of INCRBYFLOAT without a fraction are kept as integers here"
    if name == b"PFDEBUG" and isinstance(b, bytes) and isinstance(a, bytes) and b.startswith(a):
        return "Redis reads a byte behind the end of a broken string"
    if name == b"XSETID" and theirs == (b"+", b"OK") and b"smaller than current max_deleted_entry_id" in a:
        return PARTS
    if mine[0] == b"-" and theirs[0] == b"-":
        if name == b"FUNCTION" and b"\0" in words[1]:
            return "in Redis a zero byte ends the name that the text shows"
        if name == b"FUNCTION" and a.startswith(b"ERR Function ") and b.startswith(b"ERR Function "):
            return "of several functions that exist already another one is named"
        if name in (b"XREAD", b"XREADGROUP") and a.startswith(b"ERR Unbalanced"):
            return "the text names the command since 7.2"
    return None


def equivalent(name, words, mine, theirs):
    if mine == theirs:
        return True
    if name in DRAWN and mine[0] == theirs[0]:
        return (mine[1] is None) == (theirs[1] is None) and (not isinstance(mine[1], list) or len(mine[1]) == len(theirs[1]))
    if isinstance(mine[1], list) and isinstance(theirs[1], list) and mine[0] == theirs[0]:
        if name in UNORDERED:
            return sorted(mine[1]) == sorted(theirs[1])
        if name in UNORDERED_PAIRS:
            return sort_groups(mine[1], 2) == sort_groups(theirs[1], 2)
        if name == b"FUNCTION":
            return sorted_deeply(mine) == sorted_deeply(theirs)
        if name == b"XINFO":
            return same_info(mine, theirs)
        if name == b"XPENDING" and len(words) > 3:
            return same_without_times(mine, theirs)
    if name in TIMES and mine[0] == theirs[0] == b":":
        return abs(int(mine[1]) - int(theirs[1])) <= 2000
    if name == b"SORT" and b"nosort" in words and mine[0] == theirs[0] == b"*":
        return len(mine[1]) == len(theirs[1])
    return same(mine, theirs)


def sorted_deeply(reply):
    """Libraries and functions come in no order."""
    kind, value = reply
    return (kind, sorted((sorted_deeply(part) for part in value), key=repr)) if isinstance(value, list) else reply


def same_without_times(mine, theirs):
    """Of extended XPENDING: all but how long entries have been idle."""
    a, b = ([[p for i, p in enumerate(entry[1]) if i != 2] for entry in r[1]] for r in (mine, theirs))
    return a == b


def same_info(mine, theirs):
    """All but the sizes of a radix tree and the times; since 7.2 a consumer is made even if it gets nothing."""

    def facts(reply):
        kind, value = reply
        if kind == b"*" and value and isinstance(value[0][1], list):
            return [facts(part) for part in value]
        pairs = {value[i][1]: value[i + 1] for i in range(0, len(value), 2)}
        return {k: v for k, v in pairs.items() if not k.startswith(b"radix") and k not in (b"idle", b"inactive", b"consumers")}

    return facts(mine) == facts(theirs)
