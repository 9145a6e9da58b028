"""The daemon and a real Redis, side by side: the same bytes to both, and what they answer."""

from resp_equivalence import PARTS, SCANS, equivalent, known_difference
from resp_random import CALLS_ITS_ARGUMENTS, CALLS_SHA, KINDS, LIBRARIES, MOVE, MOVE_LIBRARIES
from support import check

DATABASE = 9


class Difference(Exception):
    """The servers do not agree."""

    def __init__(self, words, mine, theirs):
        super().__init__(f"{shown(words)[:600]}\n mine   {mine!r:.1500}\n theirs {theirs!r:.1500}")
        # By which the same difference is known again: the command, and the kind and beginning of both replies.
        self.kind = (words[0].upper(), repr(mine)[:12], repr(theirs)[:12])


def shown(words):
    return " ".join(repr(word)[2:-1] or '""' for word in words)


class Pair:
    """Both servers, one command at a time. Ends with a Difference."""

    def __init__(self, mine, theirs, protocol):
        self.mine, self.theirs = mine, theirs
        self.in_transaction = False
        # Of the transaction under way, those that both servers have queued.
        self.queued = []
        for server in (mine, theirs):
            if protocol == 3:
                server.call("HELLO", "3")
            server.call("SELECT", DATABASE)
            server.call("FLUSHDB")
            server.call("SCRIPT", "FLUSH")
            for library in LIBRARIES:
                server.call("FUNCTION", "DELETE", library)

    def run(self, words):
        name = words[0].upper()
        if name == b"SPOP" and not self.in_transaction:
            return self.pop(words)
        if name == MOVE.upper():
            return self.move(words)
        if name == MOVE_LIBRARIES.upper():
            return self.move_libraries()
        if name in SCANS and not self.in_transaction:
            return self.scan(words, SCANS[name])
        self.mine.send(words)
        self.theirs.send(words)
        mine, theirs = self.mine.read(), self.theirs.read()
        was_in_transaction = self.in_transaction
        self.in_transaction = name == b"MULTI" or was_in_transaction and name not in (b"EXEC", b"DISCARD")
        if name == b"EXEC" and was_in_transaction and mine[0] == theirs[0] == b"*":
            self.executed(mine, theirs)
        else:
            self.expect_same(words, mine, theirs)
        if mine == (b"+", b"QUEUED"):
            self.queued.append(words)
        if not self.in_transaction:
            self.queued = []

    def executed(self, mine, theirs):
        """Each reply of a transaction is compared as if its command had come alone."""
        if (mine[1] is None) != (theirs[1] is None) or mine[1] is not None and len(mine[1]) != len(theirs[1]):
            raise Difference([b"EXEC"], mine, theirs)
        for words, own, other in zip(self.queued, mine[1] or [], theirs[1] or []):
            self.expect_same(words, own, other)

    def expect_same(self, words, mine, theirs):
        # A script that calls one command: what holds for that holds for the script.
        if words[0] in (b"EVAL", b"EVALSHA") and len(words) > 3 and words[1] in (CALLS_ITS_ARGUMENTS, CALLS_SHA):
            words = words[3:]
        name = words[0].upper()
        if equivalent(name, words, mine, theirs):
            return
        known = known_difference(name, words, mine, theirs)
        if not known:
            raise Difference(words, mine, theirs)
        if known == PARTS and not self.in_transaction:
            for server in (self.mine, self.theirs):
                server.call("DEL", words[1])

    def scan(self, words, width):
        """The whole walk: pages and cursors are each server's own business."""
        found = []
        for server in (self.mine, self.theirs):
            elements, cursor, step = set(), None, list(words)
            for _ in range(1000):
                reply = server.call(*step)
                if reply[0] == b"-" or len(reply[1]) != 2:
                    elements = reply
                    break
                page = [part[1] for part in reply[1][1][1]]
                for i in range(0, len(page), width):
                    second = tuple(float(p) if words[0].upper() == b"ZSCAN" else p for p in page[i + 1 : i + width])
                    elements.add((page[i], *second))
                cursor = reply[1][0][1]
                if cursor == b"0":
                    break
                step[1 if width == 1 and words[0].upper() == b"SCAN" else 2] = cursor
            found.append(elements)
        if found[0] != found[1]:
            raise Difference(words, (b"*", found[0]), (b"*", found[1]))

    def pop(self, words):
        """What Redis has drawn is taken from the daemon, too; the daemon's own draw is put back before."""
        mine, theirs = self.mine.call(*words), self.theirs.call(*words)
        if not equivalent(b"SPOP", words, mine, theirs):
            raise Difference(words, mine, theirs)
        drawn = [r[1] if isinstance(r[1], list) else [r] for r in (mine, theirs)]
        drawn = [[p[1] for p in d if p[0] == b"$" and p[1] is not None] for d in drawn]
        if mine[0] != b"-" and drawn[0]:
            key = words[1]
            ttl = self.theirs.call("PTTL", key)
            self.mine.call("SADD", key, *drawn[0])
            self.mine.call("SREM", key, *drawn[1])
            if int(ttl[1]) > 0:
                self.mine.call("PEXPIRE", key, ttl[1])

    def move(self, words):
        """Each server restores what the other has dumped, and then both hold the same."""
        _, key, other = words
        if self.in_transaction:
            return self.run([b"TYPE", key])
        payloads = [server.call("DUMP", key) for server in (self.theirs, self.mine)]
        if any(p[0] != b"$" or p[1] is None for p in payloads):
            return self.run([b"EXISTS", key])
        for server, payload in zip((self.mine, self.theirs), payloads):
            reply = server.call("RESTORE", other, "0", payload[1], "REPLACE")
            check(reply == (b"+", b"OK"), f"{words} of {payload[1]!r}: {reply}")
        self.run([b"TYPE", other])
        self.compare(other)

    def move_libraries(self):
        if self.in_transaction:
            return
        payloads = [server.call("FUNCTION", "DUMP") for server in (self.theirs, self.mine)]
        for server, payload in zip((self.mine, self.theirs), payloads):
            reply = server.call("FUNCTION", "RESTORE", payload[1], "REPLACE")
            check(reply == (b"+", b"OK"), f"the other's libraries {payload[1]!r}: {reply}")
        self.run([b"FUNCTION", b"LIST", b"LIBRARYNAME", b"diff_*", b"WITHCODE"])

    def compare_everything(self):
        if self.in_transaction:
            self.run([b"DISCARD"])
        for kind in KINDS:
            for number in range(4):
                self.compare(b"%s:%d" % (kind.encode(), number))

    def compare(self, key):
        actual = self.theirs.call("TYPE", key)[1]
        reading = {
            b"string": [b"GET", key],
            b"list": [b"LRANGE", key, b"0", b"-1"],
            b"hash": [b"HGETALL", key],
            b"set": [b"SMEMBERS", key],
            b"zset": [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
            b"stream": [b"XRANGE", key, b"-", b"+"],
            b"none": [b"EXISTS", key],
        }[actual]
        for words in ([b"TYPE", key], reading, [b"PTTL", key], [b"OBJECT", b"ENCODING", key]):
            self.run(words)
        if actual == b"stream":
            self.run([b"XINFO", b"STREAM", key])
            self.run([b"XINFO", b"GROUPS", key])
            for group in (b"g1", b"g2"):
                self.run([b"XPENDING", key, group])
