"""The daemon is killed again and again under load, and each time everything that it had answered must be there.

Publishers with confirms, consumers, transactions and store clients write down what they sent and what was answered.
At a random moment the daemon gets SIGKILL; it is started again on the same folder and compared with what was
written down. Checkpoints, new segments and rewriting of segments happen all the time, because the daemon is told to
do them for every megabyte; in some rounds messages have to leave memory, too.

What must hold:
- a confirmed message is in its queue until it is acknowledged, unchanged, once, in its publisher's order;
- one whose acknowledgement is durable never comes back: it is when a persistent message that was published later on
  the same connection is confirmed, or when the transaction with it is committed;
- what was rolled back, or was found missing after a start, never appears;
- the store's state is what its clients' commands make, one after the other, all answered ones and some of those
  that were under way; a transaction or a script is there as a whole or not at all. That holds with `appendfsync
  always`, and with `everysec` too: what a killed process has written to its memory files is not lost.

TEST_SEED replays the choices (not the timing); CRASH_KILLS is the number of kills, CRASH_SECONDS a bound: at
its end the program verifies what it has and says how many kills it came to.
"""

import os
import tempfile
import threading
import time
from random import Random, SystemRandom

from amqp_wire import method
from links import AMQPLink, Ended, RESPError, RESPLink
from own_daemon import OwnDaemon
from support import check, equal, in_threads, main, scenario, shorten

SEED = int(os.environ.get("TEST_SEED") or SystemRandom().randrange(2**32))
KILLS = int(os.environ.get("CRASH_KILLS", 10))
SECONDS = float(os.environ.get("CRASH_SECONDS", 45))
PUBLISHER = 10**9  # a message's number is PUBLISHER * publisher + its place in that publisher's order


# Messages.


def body_of(number, large):
    """A body that can be told from every other: number, and filling that depends on it."""
    size = (number * 7_919) % (20_000 if large else 600)
    if number % 997 == 0:
        size = 300_000
    return b"%d:" % number + bytes([number % 251]) * size


def number_of(body):
    return int(body[:body.index(b":")])


class QueueLedger:
    """What is known of one queue's messages."""

    def __init__(self, name, arguments=None, large=False, nacks=False):
        self.name, self.arguments, self.large, self.nacks = name, arguments or {}, large, nacks
        self.sent, self.confirmed = set(), set()
        self.maybe = set()  # acknowledged, not known to be durable
        self.gone = set()  # acknowledged for good
        self.never = set()  # rolled back, or lost when nobody had been told otherwise
        self.delivered, self.flagless = set(), 0
        self.published = self.settled = 0

    def seen(self, body, redelivered=True):
        """Checks one delivery and returns the message's number."""
        number = number_of(body)
        check(body == body_of(number, self.large), f"{self.name}: message {number} is not what was sent")
        check(number in self.sent, f"{self.name}: message {number} was never sent")
        check(number not in self.gone, f"{self.name}: message {number} came back after its acknowledgement was durable")
        check(number not in self.never, f"{self.name}: message {number} was rolled back or lost, and is there")
        if number in self.delivered and not redelivered:
            self.flagless += 1
        self.delivered.add(number)
        return number

    def check_count(self, ready):
        least = len(self.confirmed - self.maybe - self.gone)
        most = len(self.sent - self.gone - self.never)
        check(least <= ready <= most, f"{self.name}: {ready} messages, expected {least} to {most}")

    def settle(self, numbers):
        """Their acknowledgements are durable."""
        self.settled += len(numbers)
        self.gone |= numbers
        self.confirmed -= numbers
        self.maybe -= numbers


class Order:
    """Each publisher's messages come in its order. One for each consumer's life."""

    def __init__(self, queue):
        self.queue, self.last = queue, {}

    def check(self, number, redelivered):
        if self.queue.nacks and redelivered:
            return  # it was put back once, behind or before others
        publisher = number // PUBLISHER
        check(self.last.get(publisher, -1) < number, f"{self.queue.name}: {number} after {self.last.get(publisher)}")
        self.last[publisher] = number


class Publisher:
    """Windows of persistent messages with confirms."""

    def __init__(self, queue, number, window):
        self.queue, self.next, self.window = queue, PUBLISHER * number, window
        self.most = 3_000

    def run(self, daemon, stop, random):
        link = AMQPLink(daemon.amqp_port, confirms=True)
        by_tag = {}

        def take_confirms():
            done = by_tag.keys() - link.open_tags
            check(not link.refused, f"{self.queue.name}: a message was refused")
            numbers = {by_tag.pop(tag) for tag in done}
            self.queue.confirmed |= numbers
            self.queue.published += len(numbers)

        try:
            sent = 0
            # Bounded, so that what piles up in a run of many kills is not the client's own memory.
            while not stop.is_set() and sent < self.most:
                count = random.randrange(1, self.window)
                numbers = range(self.next, self.next + count)
                self.next += count
                sent += count
                self.queue.sent.update(numbers)
                first = link.publish(self.queue.name, [body_of(number, self.queue.large) for number in numbers])
                by_tag.update(zip(range(first, first + count), numbers))
                link.wait_for_confirms(self.window, seconds=20)
                take_confirms()
            while not stop.is_set():
                link.pump(0.1)
                take_confirms()
        finally:
            take_confirms()
            link.close()


class Consumer:
    """Acknowledges in bunches, each followed by a message with a confirm that makes it known as durable."""

    def __init__(self, queue):
        self.queue = queue

    def run(self, daemon, stop, random):
        link = AMQPLink(daemon.amqp_port, confirms=True)
        queue, order, waiting, unacked = self.queue, Order(self.queue), [], []

        def take_confirms():
            while waiting and waiting[0][0] not in link.open_tags:
                queue.settle(waiting.pop(0)[1])

        try:
            link.consume(queue.name, prefetch=random.choice([1, 50, 500]))
            while not stop.is_set():
                link.pump(0.05)
                take_confirms()
                for _, values, body in link.deliveries:
                    number = queue.seen(body, values[2])
                    order.check(number, values[2])
                    if queue.nacks and random.random() < 0.02:
                        link.nack(values[1])
                    else:
                        unacked.append((values[1], number))
                link.deliveries.clear()
                if unacked:
                    upto = random.randrange(1, len(unacked) + 1)
                    bunch, unacked = unacked[:upto], unacked[upto:]
                    numbers = {number for _, number in bunch}
                    queue.maybe |= numbers
                    if queue.nacks:  # multiple would take what was put back, too, had it come again
                        for tag, _ in bunch:
                            link.ack(tag, multiple=False)
                    else:
                        link.ack(bunch[-1][0])
                    waiting.append((link.publish("marks", [b"mark"]), numbers))
        finally:
            take_confirms()
            link.close()


class Transactions:
    """Moves messages in transactions: publishes to one queue, takes from another, commits or rolls back."""

    def __init__(self, source, target, number):
        self.source, self.target, self.next = source, target, PUBLISHER * number

    def run(self, daemon, stop, random):
        link = AMQPLink(daemon.amqp_port)
        try:
            link.call("tx.select")
            while not stop.is_set():
                count = random.randrange(1, 8)
                numbers = set(range(self.next, self.next + count))
                self.next += count
                for queue in (self.source, self.target):
                    queue.sent |= numbers
                    link.publish(queue.name, [body_of(number, queue.large) for number in sorted(numbers)])
                link.open_tags.clear()
                taken, tag = set(), 0
                for _ in range(random.randrange(4)):
                    got = link.get(self.source.name)
                    if got:
                        tag = got[0]
                        taken.add(self.source.seen(got[2], got[1]))
                if random.random() < 0.2:
                    if tag:
                        link.ack(tag)
                    equal(link.call("tx.rollback")[0], "tx.rollback-ok")
                    for queue in (self.source, self.target):
                        queue.never |= numbers
                    if tag:  # still this connection's; given back so that others get them
                        link.send(method(1, "basic.nack", tag, True, True))
                        equal(link.call("tx.commit")[0], "tx.commit-ok")
                    continue
                self.source.maybe |= taken
                if tag:
                    link.ack(tag)
                equal(link.call("tx.commit")[0], "tx.commit-ok")
                self.source.settle(taken)
                for queue in (self.source, self.target):
                    queue.confirmed |= numbers
                    queue.published += count
        finally:
            link.close()


# The store.


class Model:
    """A client's keys as its commands make them: the state after all answered commands, and the others in order."""

    def __init__(self, name, database):
        self.name, self.database = name, database
        self.state, self.pending, self.answered = {}, [], 0
        self.step = 0

    def key(self, kind, number):
        return f"{self.name}:{kind}:{number}"

    def command(self, random):
        """One command that always succeeds."""
        self.step += 1
        step, pick = self.step, random.random()
        number = random.randrange(12)
        if pick < 0.20:
            return ("INCR", self.key("n", number))
        if pick < 0.35:
            return ("SET", self.key("s", number), f"{step}")
        if pick < 0.40:
            return ("SET", self.key("s", number), f"{step}:" + "x" * random.randrange(60_000))
        if pick < 0.402:
            return ("SET", self.key("s", number), f"{step}:" + "y" * 5_000_000)
        if pick < 0.45:
            return ("APPEND", self.key("s", number), f",{step}")
        if pick < 0.60:
            return ("RPUSH", self.key("l", number), str(step), str(-step))
        if pick < 0.68:
            return ("LPOP", self.key("l", number))
        if pick < 0.78:
            return ("HSET", self.key("h", number), f"f{random.randrange(50)}", str(step))
        if pick < 0.83:
            return ("HDEL", self.key("h", number), f"f{random.randrange(50)}")
        if pick < 0.90:
            return ("ZADD", self.key("z", number), str(step), f"m{random.randrange(50)}")
        if pick < 0.95:
            return ("DEL", self.key(random.choice("snlhz"), number))
        return ("SET", self.key("s", number), "")

    def unit(self, random):
        """One thing that is there as a whole or not at all: a command, a transaction or a script."""
        pick = random.random()
        if pick < 0.12:
            step = str(self.step + 1)
            pair = [("SET", self.key("pair", 0), step), ("SET", self.key("pair", 1), step)]
            return "multi", pair + [self.command(random) for _ in range(random.randrange(3))]
        if pick < 0.16:
            step = str(self.step + 1)
            self.step += 1
            return "script", [("SET", self.key("pair", 2), step), ("SET", self.key("pair", 3), step)]
        return "one", [self.command(random)]

    @staticmethod
    def words(unit):
        kind, commands = unit
        if kind == "multi":
            return [("MULTI",), *commands, ("EXEC",)]
        if kind == "script":
            keys = [command[1] for command in commands]
            script = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1])"
            return [("EVAL", script, "2", *keys, commands[0][2])]
        return commands

    @staticmethod
    def apply(state, unit):
        for name, key, *rest in unit[1]:
            if name == "SET":
                state[key] = rest[0]
            elif name == "APPEND":
                state[key] = state.get(key, "") + rest[0]
            elif name == "INCR":
                state[key] = str(int(state.get(key, "0")) + 1)
            elif name == "RPUSH":
                state[key] = state.get(key, []) + rest
            elif name == "LPOP":
                if key in state:
                    state[key] = state[key][1:]
            elif name == "HSET":
                state[key] = {**state.get(key, {}), rest[0]: rest[1]}
            elif name == "HDEL":
                state[key] = {field: value for field, value in state.get(key, {}).items() if field != rest[0]}
            elif name == "ZADD":
                state[key] = {**state.get(key, {}), rest[1]: rest[0]}
            elif name == "DEL":
                state.pop(key, None)
            if key in state and not state[key] and name in ("LPOP", "HDEL"):
                del state[key]

    def run(self, daemon, stop, random):
        link = RESPLink(daemon.resp_port, self.database)
        try:
            while not stop.is_set():
                units = [self.unit(random) for _ in range(random.choice([1, 1, 1, 5, 30]))]
                words = [self.words(unit) for unit in units]
                self.pending += units
                link.send(b"".join(link.encode(*command) for commands in words for command in commands))
                for unit, commands in zip(units, words):
                    for _ in commands:
                        reply = link.receive()
                        check(not isinstance(reply, RESPError), f"{self.name}: {unit[0]} got {reply}")
                    self.apply(self.state, self.pending.pop(0))
                    self.answered += 1
        finally:
            link.close()

    def dump(self, link):
        """All keys of the client, as the model has them."""
        found = {}
        readers = {
            "s": ("GET",), "n": ("GET",), "pair": ("GET",), "l": ("LRANGE", "0", "-1"), "h": ("HGETALL",),
            "z": ("ZRANGE", "0", "-1", "WITHSCORES"),
        }  # fmt: skip
        for raw in link.call("KEYS", f"{self.name}:*"):
            key = raw.decode()
            kind = key.split(":")[1]
            value = link.call(readers[kind][0], key, *readers[kind][1:])
            if kind == "l":
                value = [item.decode() for item in value]
            elif kind in "hz":
                texts = [item.decode() for item in value]
                value = dict(zip(texts[::2], texts[1::2]))
            else:
                value = value.decode()
            found[key] = value
        return found

    def verify(self, daemon):
        """The state after a start is the model's after all answered units and the first few of the others."""
        link = RESPLink(daemon.resp_port, self.database)
        found = self.dump(link)
        link.close()
        for first, second in ((0, 1), (2, 3)):
            equal(found.get(self.key("pair", first)), found.get(self.key("pair", second)), f"{self.name}: a pair")
        state = dict(self.state)
        for unit in [*self.pending, None]:
            if state == found:
                self.state, self.pending = found, []
                return
            if unit:
                self.apply(state, unit)
        wrong = {
            key: (shorten(found.get(key), 80), shorten(self.state.get(key), 80))
            for key in found.keys() | self.state.keys()
            if found.get(key) != self.state.get(key)
        }
        raise AssertionError(
            f"{self.name}: the store's state is none that {len(self.pending)} unanswered units can explain; "
            f"found and expected of what was answered: {shorten(wrong, 3_000)}")


class Mass:
    """Many keys, so that checkpoints have something to carry: key k holds the last number n with n % keys = k."""

    def __init__(self, name, database, keys=20_000):
        self.name, self.database, self.keys = name, database, keys
        self.next, self.answered, self.floor, self.sent = 0, 0, {}, {}

    @staticmethod
    def value(number):
        return f"{number}:".ljust(40 + number % 300, ".")

    def run(self, daemon, stop, random):
        link = RESPLink(daemon.resp_port, self.database)
        try:
            while not stop.is_set():
                numbers = range(self.next, self.next + 200)
                self.next += 200
                self.sent.update((number % self.keys, number) for number in numbers)
                link.send(b"".join(
                    link.encode("SET", f"{self.name}:{number % self.keys}", self.value(number)) for number in numbers))
                for number in numbers:
                    equal(link.receive(), b"OK")
                    self.floor[number % self.keys] = number
                    self.answered += 1
        finally:
            link.close()

    def verify(self, daemon):
        link = RESPLink(daemon.resp_port, self.database)
        for start in range(0, self.keys, 1_000):
            values = link.call("MGET", *(f"{self.name}:{key}" for key in range(start, start + 1_000)))
            for key, value in enumerate(values, start):
                floor, last = self.floor.get(key, -1), self.sent.get(key, -1)
                number = -1 if value is None else int(value[:value.index(b":")])
                check(floor <= number <= last, f"{self.name}:{key} holds {number}, expected {floor} to {last}")
                if number >= 0:
                    check(value == self.value(number).encode(), f"{self.name}:{key} is not what was written")
                    self.floor[key] = self.sent[key] = number
        link.close()


# The run.


class Run:
    def __init__(self, folder, random):
        self.random = random
        self.daemon = OwnDaemon(folder)
        quorum = {"x-queue-type": "quorum"}
        self.queues = [
            QueueLedger("classic"), QueueLedger("backlog", large=True), QueueLedger("quorum", quorum, nacks=True),
            QueueLedger("tx-source", nacks=True), QueueLedger("tx-target"),
        ]  # fmt: skip
        classic, backlog, quorum_queue, source, target = self.queues
        self.models = [Model("model-a", 0), Model("model-b", 1)]
        self.masses = [Mass("mass", 2)]
        self.workers = [
            Publisher(classic, 1, 200), Publisher(classic, 2, 20), Publisher(backlog, 3, 30), Publisher(quorum_queue, 4, 100),
            Consumer(classic), Consumer(quorum_queue), Transactions(source, target, 5), *self.models, *self.masses,
        ]  # fmt: skip
        self.kills = self.early = self.adopted = self.torn = self.checkpoints = 0
        self.failures = []

    def settings(self):
        random = self.random
        return {
            "log_checkpoint_bytes": 1 << 20, "log_segment_bytes_max": 1 << 20, "disk_free_limit": 0,
            "store_appendfsync": ["always", "everysec"][self.kills % 2],
            "memory_high_watermark": str(random.choice([32 << 20, 1 << 30])),
        }  # fmt: skip

    def start(self):
        """A start that is let alone; before it, sometimes, a few that are killed while they recover."""
        settings = self.settings()
        if self.kills and self.random.random() < 0.25:
            for _ in range(self.random.randrange(1, 3)):
                self.daemon.launch(**settings)
                time.sleep(self.random.uniform(0, 0.15))
                self.daemon.kill()
                self.early += 1
        self.daemon.start(**settings)

    def declare(self):
        link = AMQPLink(self.daemon.amqp_port)
        for queue in self.queues:
            link.declare(queue.name, queue.arguments)
        link.declare("marks", {"x-max-length": 100})
        link.close()

    def load(self):
        """All workers until the daemon is killed."""
        stop, random = threading.Event(), self.random

        def work(worker, seed):
            try:
                worker.run(self.daemon, stop, Random(seed))
            except Ended as error:
                if not stop.is_set() and not self.daemon.ended() and not stop.wait(5):
                    self.failures.append(AssertionError(f"{type(worker).__name__} was cut off: {error}"))
            except BaseException as error:
                self.failures.append(error)

        threads = [
            threading.Thread(target=work, args=(worker, random.randrange(2**32)), daemon=True) for worker in self.workers
        ]
        for thread in threads:
            thread.start()
        time.sleep(random.choice([random.uniform(0.1, 0.4), random.uniform(0.4, 1.5)]))
        check(not self.daemon.ended(), f"the daemon ended by itself with {self.daemon.child.returncode}")
        self.daemon.child.kill()
        stop.set()
        self.daemon.kill()
        for thread in threads:
            thread.join(40)
            check(not thread.is_alive(), "a client did not notice that the daemon was killed")
        if self.failures:
            raise self.failures[0]

    def read_log(self):
        """Of the run that was killed."""
        text = self.daemon.log()
        self.adopted += text.count("records of a killed daemon have been saved")
        self.torn += text.count("interrupted write")
        self.checkpoints += text.count("checkpoint done")
        bad = self.daemon.log_lines("error", "critical") + [line for line in text.splitlines() if "Fatal error" in line]
        check(not bad, "the daemon's log complains:\n" + "\n".join(bad[:20]))

    def verify(self, drains):
        link = AMQPLink(self.daemon.amqp_port)
        for queue in self.queues:
            ready, _ = link.declare(queue.name, passive=True, arguments=queue.arguments)
            queue.check_count(ready)
        link.close()
        in_threads([(lambda keys=keys: keys.verify(self.daemon)) for keys in self.models + self.masses])
        if drains:
            for queue in self.queues:
                self.drain(queue)

    def drain(self, queue):
        """Takes all that is there, compares it with what must be, and acknowledges it for good."""
        link = AMQPLink(self.daemon.amqp_port, confirms=True)
        ready, _ = link.declare(queue.name, passive=True, arguments=queue.arguments)
        link.consume(queue.name)
        order, got, tag, deadline = Order(queue), set(), 0, time.monotonic() + 60
        while len(got) < ready:
            check(time.monotonic() < deadline, f"{queue.name}: {len(got)} of {ready} messages within a minute")
            link.pump(0.5)
            for _, values, body in link.deliveries:
                number = queue.seen(body, values[2])
                order.check(number, values[2])
                check(number not in got, f"{queue.name}: message {number} is there twice")
                got.add(number)
                tag = values[1]
            link.deliveries.clear()
        lost = queue.confirmed - queue.maybe - queue.gone - got
        check(not lost, f"{queue.name}: {len(lost)} confirmed messages are lost: {shorten(sorted(lost))}")
        # What was acknowledged and is not there stays away; what was not confirmed and is not there, too.
        queue.settle(queue.maybe - got)
        queue.never |= queue.sent - queue.gone - got
        if tag:
            link.ack(tag)
            link.publish("marks", [b"mark"])
            link.wait_for_confirms()
        queue.settle(got)
        link.close()

    def report(self, seconds):
        for queue in self.queues:
            print(
                f"  {queue.name}: {queue.published} confirmed, {queue.settled} acknowledged for good"
                + (f", {queue.flagless} came again without the redelivered flag" if queue.flagless else ""))
        answered = sum(model.answered for model in self.models)
        print(
            f"  store: {answered} units and {sum(mass.answered for mass in self.masses)} SETs answered\n"
            f"  {self.kills} kills under load and {self.early} while starting, {self.checkpoints} checkpoints, "
            f"{self.adopted} times records saved from memory files, {self.torn} interrupted writes cut off; "
            f"{seconds:.1f} s, seed {SEED}", flush=True)  # fmt: skip


@scenario
def kills():
    began = time.monotonic()
    print(f"seed {SEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="taskd-crash-", dir=os.environ.get("CRASH_FOLDER")) as folder:
        run = Run(folder, Random(SEED))
        try:
            run.start()
            run.declare()
            while run.kills < KILLS and time.monotonic() - began < SECONDS:
                run.load()
                run.kills += 1
                run.read_log()
                run.start()
                run.verify(drains=run.kills % 6 == 0)
            run.verify(drains=True)
            run.verify(drains=True)  # and now everything is empty
            equal(run.daemon.stop(), 0, "the exit code after SIGTERM")
            run.read_log()
            run.start()
            run.verify(drains=True)
            equal(run.daemon.stop(), 0, "the exit code after SIGTERM")
        except BaseException:
            print(f"after {run.kills} kills; the daemon's log ends with\n{run.daemon.log()[-3000:]}", flush=True)
            raise
        finally:
            run.daemon.kill()
            run.report(time.monotonic() - began)
        check(run.checkpoints > 0 and run.kills > 0, "there was not enough load to show anything")


@scenario
def kills_after_answers():
    """The kill follows an answer at once, before the daemon can have written what it answered for: also when that is
    more than its memory files hold at first."""
    random = Random(SEED)
    with tempfile.TemporaryDirectory(prefix="taskd-crash-", dir=os.environ.get("CRASH_FOLDER")) as folder:
        daemon = OwnDaemon(folder)
        settings = {"store_appendfsync": "everysec", "disk_free_limit": 0}
        try:
            daemon.start(**settings)
            for round in range(max(3, KILLS // 2)):
                small, large = RESPLink(daemon.resp_port), RESPLink(daemon.resp_port)
                values = {f"key-{number}": f"{round}-{number}" for number in range(random.randrange(1, 2_000))}
                values["large"] = f"{round}:" + "x" * random.choice([1_000, 3_000_000, 5_000_000, 9_000_000, 40_000_000])
                equal(small.pipeline([("SET", key, value) for key, value in values.items() if key != "large"])[-1], b"OK")
                equal(large.call("SET", "large", values["large"]), b"OK")
                equal(small.call("SET", "after", round), b"OK")
                daemon.kill()
                daemon.start(**settings)
                store = RESPLink(daemon.resp_port)
                got = store.call("MGET", *values, "after")
                for (key, value), found in zip([*values.items(), ("after", str(round))], got):
                    check(found == value.encode(), f"round {round}: {key} is {shorten(found, 40)}, not {shorten(value, 40)}")
        finally:
            daemon.kill()
        print(f"  {max(3, KILLS // 2)} kills right after an answer, seed {SEED}")


main()
