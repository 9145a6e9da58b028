"""The same random commands to the daemon and to a real Redis: every reply must be the same, byte for byte, and every value
that is left.

Starts a redis-server of its own (of Debian: 7.0) unless TEST_REDIS_URL names one. What is forgiven stands in
resp_equivalence.py. A difference is shrunk to the fewest commands that still show it, which are printed.
TEST_SEED replays a run, TEST_SEEDS is the number of seeds, TEST_ROUNDS the number of commands of each.
TEST_KEEP_GOING=1 collects differences instead of ending at the first.
"""

import os
import time

from redis_wire import Connection, start_redis
from resp_pair import Difference, Pair, shown
from resp_random import FAMILIES, OPTIONAL, ROUNDS, SEED, SEEDS, Draw, generic, unit
from support import RESP_HOST, RESP_PORT, check, main, scenario

KEEP_GOING = bool(os.environ.get("TEST_KEEP_GOING"))
SHRINKING_SECONDS_MAX = 120


def play(commands, redis, protocol, compares_at=()):
    """Runs `commands` on both servers, from nothing. Returns how many ran, and the difference if there is one."""
    pair = Pair(Connection(RESP_HOST, RESP_PORT), Connection(*redis), protocol)
    try:
        for number, words in enumerate(commands, 1):
            try:
                pair.run(words)
                if number in compares_at or number == len(commands):
                    pair.compare_everything()
            except Difference as difference:
                return number, difference
        return len(commands), None
    finally:
        pair.mine.socket.close()
        pair.theirs.socket.close()


def shrink(commands, kind, redis, protocol):
    """The fewest of `commands`, found by leaving out ever smaller pieces, that still show a difference of this kind."""
    ends = time.monotonic() + SHRINKING_SECONDS_MAX
    size = len(commands) // 2
    while size and time.monotonic() < ends:
        at = 0
        while at < len(commands) and time.monotonic() < ends:
            fewer = commands[:at] + commands[at + size:]
            ran, difference = play(fewer, redis, protocol)
            if difference is not None and difference.kind == kind:
                commands = fewer[:ran]
            else:
                at += size
        size = min(size // 2, len(commands) // 2) if size > 1 else 0
    return commands


def run_seeds(protocol):
    print(f"seed {SEED}", flush=True)
    child, *redis = start_redis()
    known, ran_in_all = {}, 0
    try:
        asking = Connection(RESP_HOST, RESP_PORT)
        families_known = FAMILIES + [f for f, name in OPTIONAL if b"unknown command" not in asking.call(name)[1]]
        for seed in range(SEED, SEED + SEEDS):
            d = Draw(seed)
            # Some seeds stay with one family, so that its states go deep.
            families = families_known if seed % 2 else [d.one(*families_known), generic]
            commands, began = [], time.monotonic()
            while len(commands) < ROUNDS:
                commands += unit(d, families)
            ran, difference = play(commands, redis, protocol, range(500, len(commands), 500))
            ran_in_all += ran
            check(time.monotonic() - began < 300, "a seed ends in time")
            if difference is None or difference.kind in known:
                continue
            fewest = shrink(commands[:ran], difference.kind, redis, protocol)
            _, last = play(fewest, redis, protocol)
            text = "\n  ".join(shown(words)[:300] for words in fewest)
            known[difference.kind] = (
                f"seed {seed}, command {ran} of {len(commands)}, shrunk to {len(fewest)}:\n  {text}\n{last or difference}")
            print(known[difference.kind], flush=True)
            if not KEEP_GOING:
                break
    finally:
        if child:
            child.terminate()
            child.wait(10)
    print(f"{ran_in_all:,} commands, RESP{protocol}", flush=True)
    check(not known, f"no differences, but there are {len(known)}")


@scenario
def resp2_replies_as_redis():
    run_seeds(2)


@scenario
def resp3_replies_as_redis():
    run_seeds(3)


if __name__ == "__main__":
    main()
