"""Disks that fill up and disks that fail: what clients see, and that nothing was confirmed that is not there later.

The full disks are real file systems of 64 MB, mounted in a mount namespace of this program's own (`unshare`), so
that they go with it. Where that is not allowed the scenario says so and is skipped: FILE SYSTEM NOT TO BE HAD.
"""

import contextlib
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from amqp_wire import method
from links import AMQPLink, Ended, RESPError, RESPLink
from own_daemon import OwnDaemon
from support import check, equal, main, raises, scenario, wait_until

MEGABYTE = 1 << 20
FAULTS = pathlib.Path(__file__).resolve().parent.parent / "Faults"
INSIDE = "DISK_NAMESPACE"


# File systems.


def namespace(name):
    """Runs this scenario again where it may mount. True: this is the outer one, and all is done."""
    if os.environ.get(INSIDE):
        return False
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        if shutil.which("unshare") and subprocess.run(
            ["unshare", *options, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        ).returncode == 0:
            done = subprocess.run(
                ["unshare", *options, sys.executable, os.path.abspath(__file__), name],
                env={**os.environ, INSIDE: options[0]}, check=False, timeout=200,
            )  # fmt: skip
            check(done.returncode == 0, f"{name} ended with {done.returncode} in its namespace")
            return True
    print(f"SKIPPED {name}: FILE SYSTEM NOT TO BE HAD: this user may not mount, not even in a namespace", flush=True)
    return True


@contextlib.contextmanager
def small_disk(kind):
    """A folder on a file system of 64 MB."""
    with tempfile.TemporaryDirectory(prefix="taskd-disk-") as base:
        folder = pathlib.Path(base) / "disk"
        folder.mkdir()
        if kind == "ext4":
            image = pathlib.Path(base) / "image"
            with open(image, "wb") as file:
                file.truncate(64 * MEGABYTE)
            made = shutil.which("mkfs.ext4") and subprocess.run(
                ["mkfs.ext4", "-q", "-m", "0", str(image)], capture_output=True, check=False).returncode == 0
            command = ["mount", "-o", "loop", str(image), str(folder)]
        else:
            made, command = True, ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
        if not made or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            print(f"SKIPPED {kind}: FILE SYSTEM NOT TO BE HAD: no loop device or no mkfs.ext4 here", flush=True)
            yield None
            return
        try:
            yield folder
        finally:
            for _ in range(50):  # a daemon that was just killed may still be going
                if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.1)


def free_bytes(folder):
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


def fill(folder, leave):
    """Another program's file takes all room but about `leave` bytes; the daemon may write meanwhile."""
    path = folder / "ballast"
    with open(path, "wb") as file:
        size = 0
        # In steps: one that does not fit is taken back, and the daemon would see a full disk that is none.
        while (room := free_bytes(folder) - leave) > 0:
            step = min(room, MEGABYTE)
            try:
                os.posix_fallocate(file.fileno(), size, step)
            except OSError:
                break
            size += step
    return path


def stays_blocked(publisher, seconds=0.5):
    """Waits for a block that lasts."""

    def lasts():
        deadline = time.monotonic() + seconds
        while publisher.blocked and time.monotonic() < deadline:
            time.sleep(0.02)
        return publisher.blocked

    wait_until(lasts, "connection.blocked")
    equal(publisher.blocked, "low on disk")


# Clients that write down what was confirmed.


class Publisher(threading.Thread):
    """Publishes bodies of 1 KiB in order until told to stop, or cut off."""

    def __init__(self, port, queue, window=50):
        super().__init__(daemon=True)
        self.port, self.queue, self.window = port, queue, window
        self.sent = self.confirmed = 0
        self.blocked, self.was_blocked, self.ended, self.stopped = None, [], None, threading.Event()

    def run(self):
        try:
            link = AMQPLink(self.port, confirms=True)
            while not self.stopped.is_set():
                if not link.blocked and len(link.open_tags) < self.window:
                    link.publish(self.queue, [b"%d:" % number + b"x" * 1_000 for number in range(self.sent, self.sent + 10)])
                    self.sent += 10
                link.pump(0.02)
                # Confirms come in order here: everything below the first open one is confirmed.
                self.confirmed = min(link.open_tags, default=link.sent_tag + 1) - 1
                self.blocked, self.was_blocked = link.blocked, link.was_blocked
            link.close()
        except Ended as error:
            self.ended = error

    def stop(self):
        self.stopped.set()
        self.join(10)


def numbers_in(daemon, queue, acknowledges=True):
    """All messages of a queue of a Publisher, taken out."""
    link = AMQPLink(daemon.amqp_port)
    ready, _ = link.declare(queue, passive=True)
    link.consume(queue)
    got, deadline = [], time.monotonic() + 60
    while len(got) < ready:
        check(time.monotonic() < deadline, f"{len(got)} of {ready} messages within a minute")
        link.pump(0.5)
        got += [(values[1], int(body[:body.index(b":")])) for _, values, body in link.deliveries]
        link.deliveries.clear()
    if got and acknowledges:
        link.ack(got[-1][0])
        link.declare(queue, passive=True)
    link.close()
    return [number for _, number in got]


def expect_confirmed(daemon, publisher):
    """Each confirmed message is there, in order, once."""
    numbers = numbers_in(daemon, publisher.queue)
    equal(numbers, sorted(set(numbers)), "order")
    missing = set(range(publisher.confirmed)) - set(numbers)
    check(not missing, f"{len(missing)} of {publisher.confirmed} confirmed messages are not there")
    check(not numbers or numbers[-1] < publisher.sent, "a message that was never sent")


def declare(daemon, *queues):
    link = AMQPLink(daemon.amqp_port)
    for queue in queues:
        link.declare(queue)
    link.close()


def put(daemon, queue, count):
    link = AMQPLink(daemon.amqp_port, confirms=True)
    link.publish(queue, [b"%d" % number for number in range(count)])
    link.wait_for_confirms()
    link.close()


def check_reading_goes_on(daemon, store):
    """Who reads and who consumes is not held up by whatever stops the writers."""
    equal(store.call("GET", "kept"), b"value")
    consumer = AMQPLink(daemon.amqp_port)
    got = consumer.get("read")
    check(got is not None, "a message to get")
    consumer.ack(got[0])
    check(consumer.declare("read", passive=True)[0] >= 0, "declaring passively")
    consumer.consume("read", prefetch=1)
    wait_until(lambda: consumer.deliveries or consumer.pump(0.2) and consumer.deliveries, "a delivery", 10, pause=0)
    consumer.close()


def refused(store, *words):
    reply = store.call(*words, seconds=20)
    check(isinstance(reply, RESPError) and reply.startswith("MISCONF"), f"{words[0]} got {reply!r}, expected MISCONF")
    return reply


# Scenarios.


def on_small_disks(name, body):
    if namespace(name):
        return
    for kind in ("tmpfs", "ext4"):
        with small_disk(kind) as folder:
            if folder is None:
                continue
            daemon = OwnDaemon(folder)
            began = time.monotonic()
            try:
                body(daemon, folder)
            except BaseException:
                print(f"on {kind}; the daemon's log ends with\n{daemon.log()[-4000:]}", flush=True)
                raise
            finally:
                daemon.kill()
            print(f"  {name} on {kind}: {time.monotonic() - began:.1f} s", flush=True)


@scenario
def low():
    """Below `disk.free_limit`: publishers are blocked and store writes refused until there is room again."""

    def body(daemon, folder):
        daemon.start(disk_free_limit=20 * MEGABYTE, log_segment_bytes_max=4 * MEGABYTE)
        declare(daemon, "written", "read")
        put(daemon, "read", 50)
        store = RESPLink(daemon.resp_port)
        equal(store.call("SET", "kept", "value"), b"OK")
        publisher = Publisher(daemon.amqp_port, "written")
        publisher.start()
        wait_until(lambda: publisher.confirmed > 100, "confirms before")

        ballast = fill(folder, 10 * MEGABYTE)
        wait_until(lambda: publisher.blocked, "connection.blocked")
        equal(publisher.blocked, "low on disk")
        check("No space left on device" in refused(store, "SET", "kept", "other"), "the reason")
        refused(store, "LPUSH", "list", "x")
        refused(store, "EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "kept")
        check_reading_goes_on(daemon, store)
        at_block = publisher.confirmed
        time.sleep(0.5)
        # What was on its way when the alarm came is still confirmed; nothing new is taken.
        check(publisher.confirmed - at_block <= publisher.window, "publishing stops")

        ballast.unlink()
        wait_until(lambda: publisher.blocked is None, "connection.unblocked")
        wait_until(lambda: publisher.confirmed > at_block + 500, "confirms after")
        equal(store.call("SET", "kept", "after"), b"OK")
        publisher.stop()
        equal(daemon.stop(), 0, "the exit code")
        daemon.start(disk_free_limit=20 * MEGABYTE)
        expect_confirmed(daemon, publisher)
        store = RESPLink(daemon.resp_port)
        equal((store.call("GET", "kept"), store.call("EXISTS", "list")), (b"after", 0))

    on_small_disks("low", body)


@scenario
def full():
    """The disk really fills: writes are tried again until they succeed, and nothing is confirmed before."""

    def body(daemon, folder):
        settings = {"disk_free_limit": 0, "log_segment_bytes_max": 4 * MEGABYTE, "store_appendfsync": "always"}
        daemon.start(**settings)
        declare(daemon, "written", "read")
        put(daemon, "read", 50)
        store = RESPLink(daemon.resp_port)
        equal(store.call("SET", "kept", "value"), b"OK")
        publisher = Publisher(daemon.amqp_port, "written")
        publisher.start()
        wait_until(lambda: publisher.confirmed > 100, "confirms before")
        counter = RESPLink(daemon.resp_port)
        counted, sent = 0, 0
        for round in range(3):
            # Not quite full, so that the last bytes are the daemon's own.
            ballast = fill(folder, (round + 1) * 700_000)
            deadline = time.monotonic() + 30
            while True:  # INCR until one is refused, or gets no answer because the disk does not take it
                check(time.monotonic() < deadline, "the disk did not fill")
                counter.send(counter.encode("INCR", "counter"))
                if not select.select([counter.socket], [], [], 1)[0]:
                    sent, is_held = sent + 1, True
                    break
                reply = counter.receive(10)
                if isinstance(reply, RESPError):
                    check(reply.startswith("MISCONF"), reply)
                    is_held = False
                    break
                counted = sent = reply
            stays_blocked(publisher)
            at_block = publisher.confirmed
            refused(store, "SET", "kept", "other")
            check_reading_goes_on(daemon, store)
            time.sleep(1)
            check(not daemon.ended(), "the daemon goes on")
            check("no room for the log" in daemon.log(), "the log says why")
            equal(publisher.confirmed, at_block, "messages confirmed while the disk is full")
            if round == 1:
                # Killed while it is full, and started again when it is not.
                daemon.kill()
                publisher.stop()
                ballast.unlink()
                daemon.start(**settings)
                expect_confirmed(daemon, publisher)
                store, counter = RESPLink(daemon.resp_port), RESPLink(daemon.resp_port)
                value = int(store.call("GET", "counter"))
                check(counted <= value <= sent, f"the counter is {value}, expected {counted} to {sent}")
                counted = sent = value
                publisher = Publisher(daemon.amqp_port, "written")
                publisher.start()
                put(daemon, "read", 50)
                continue
            ballast.unlink()
            wait_until(lambda: publisher.blocked is None, "connection.unblocked")
            wait_until(lambda: publisher.confirmed > at_block + 500, "confirms after")
            equal(store.call("SET", "kept", "value"), b"OK")
            if is_held:
                equal(counter.receive(10), sent, "the answer that was held up")
            counted = sent
        publisher.stop()
        daemon.kill()
        daemon.start(**settings)
        expect_confirmed(daemon, publisher)
        equal(int(RESPLink(daemon.resp_port).call("GET", "counter")), counted)

    on_small_disks("full", body)


@scenario
def full_while_backlogs_leave_memory():
    """No room for the spool either: transient messages stay in memory, publishers wait, nothing is lost."""

    def body(daemon, folder):
        daemon.start(
            disk_free_limit=0, memory_high_watermark="32MiB", log_segment_bytes_max=4 * MEGABYTE,
            log_checkpoint_bytes=4 * MEGABYTE)  # fmt: skip
        declare(daemon, "transient")
        ballast = fill(folder, 12 * MEGABYTE)
        link = AMQPLink(daemon.amqp_port, confirms=True)
        sent, deadline = 0, time.monotonic() + 60
        while not link.blocked and sent < 100_000:
            check(time.monotonic() < deadline, "publishers are not blocked")
            link.publish("transient", [b"%d:" % (sent + number) + b"x" * 10_000 for number in range(10)], {})
            sent += 10
            link.pump(0.001)
            while len(link.open_tags) > 100 and not link.blocked:
                link.pump(0.2)
        check(link.blocked, "connection.blocked")
        check("memory" in link.blocked or "disk" in link.blocked, link.blocked)
        ballast.unlink()
        # With consumers at work it ends by itself, room on the disk or not.
        got, deadline = 0, time.monotonic() + 60
        consumer = AMQPLink(daemon.amqp_port)
        consumer.consume("transient", prefetch=200)
        while got < sent:
            check(time.monotonic() < deadline, f"{got} of {sent} within a minute")
            consumer.pump(0.5)
            for _, values, body in consumer.deliveries:
                equal(int(body[:body.index(b":")]), got, "order")
                got += 1
                consumer.ack(values[1])
            consumer.deliveries.clear()
        link.wait_for_confirms()
        link.close()
        equal(daemon.stop(), 0, "the exit code")

    on_small_disks("full-while-backlogs-leave-memory", body)


def failing_sync(policy, body):
    with tempfile.TemporaryDirectory(prefix="taskd-sync-") as folder:
        folder = pathlib.Path(folder)
        shim, trigger = folder / "failing_sync.so", folder / "trigger"
        subprocess.run(
            [shutil.which("cc") or "clang", "-shared", "-fPIC", "-O1", "-o", str(shim), str(FAULTS / "failing_sync.c"), "-ldl"], check=True)
        daemon = OwnDaemon(folder)
        daemon.environment = {"LD_PRELOAD": str(shim), "FAULT_TRIGGER": str(trigger)}
        try:
            daemon.start(log_on_error=policy, store_appendfsync="always")
            declare(daemon, "written", "read")
            put(daemon, "read", 50)
            store = RESPLink(daemon.resp_port)
            equal(store.call("SET", "kept", "value"), b"OK")
            equal(store.call("INCR", "counter"), 1)
            publisher = Publisher(daemon.amqp_port, "written")
            publisher.start()
            wait_until(lambda: publisher.confirmed > 100, "confirms before")
            # Requests whose batch is the first to fail: they were taken, so they are neither refused nor answered.
            publisher.window = 0
            wait_until(lambda: publisher.confirmed == publisher.sent, "all confirms")
            counter, declarer = RESPLink(daemon.resp_port), AMQPLink(daemon.amqp_port)
            trigger.touch()
            counter.send(counter.encode("INCR", "counter"))
            declarer.send(method(1, "queue.declare", 0, "late", False, True, False, False, False, {}))
            for link, listen in ((counter, counter.receive), (declarer, lambda: declarer.reply(20, "the declaration"))):
                error = raises(Ended, listen)
                check(not any(word in str(error) for word in ("timed out", "within")), "neither answered nor cut off")
            publisher.window = 50
            body(daemon, publisher, store)
            daemon.kill()
            publisher.stop()
            trigger.unlink()
            daemon.start(log_on_error=policy)
            expect_confirmed(daemon, publisher)
            store = RESPLink(daemon.resp_port)
            equal(store.call("GET", "kept"), b"value")
            check(int(store.call("GET", "counter")) in (1, 2), "the counter")
            equal(daemon.stop(), 0, "the exit code")
        except BaseException:
            print(f"the daemon's log ends with\n{daemon.log()[-4000:]}", flush=True)
            raise
        finally:
            daemon.kill()


@scenario
def failing_sync_exit():
    """`log.on_error = "exit"`: it ends with a code and a message, and has confirmed nothing that is not there."""

    def body(daemon, publisher, store):
        code = daemon.wait(20)
        check(code not in (None, 0), f"the exit code is {code}")
        lines = daemon.log_lines("critical")
        check(len(lines) == 1 and "the log has failed" in lines[0] and "Input/output error" in lines[0], f"{lines}")
        check("Fatal error" not in daemon.log(), "no crash")
        wait_until(lambda: publisher.ended, "the publisher is cut off")
        raises(Ended, store.call, "GET", "counter")

    failing_sync("exit", body)


@scenario
def failing_sync_read_only():
    """`log.on_error = "read-only"`: publishers are blocked, store writes refused; reading and consuming go on."""

    def body(daemon, publisher, store):
        wait_until(lambda: publisher.blocked or publisher.ended, "publishers are blocked")
        check(publisher.blocked, f"the publisher: {publisher.ended}")
        check(publisher.blocked.startswith("the log has failed"), publisher.blocked)
        confirmed = publisher.confirmed
        check("Input/output error" in refused(store, "SET", "kept", "other"), "the reason")
        refused(store, "INCR", "counter")
        check_reading_goes_on(daemon, store)
        late = Publisher(daemon.amqp_port, "read")
        late.start()
        wait_until(lambda: late.blocked, "a later publisher is blocked, too")
        time.sleep(1)
        equal((publisher.confirmed, late.confirmed), (confirmed, 0), "confirms after the failure")
        check(not daemon.ended(), "the daemon goes on")
        late.stop()

    failing_sync("read-only", body)


main()
