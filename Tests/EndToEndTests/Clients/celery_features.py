"""What Celery users do beyond the first task, with the newest Celery and real workers.

TEST_BROKER is amqp or redis; results are always in RESP.
"""

import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TEST_QUEUE", f"features-{os.getpid()}-{int(time.time())}")

import redis
from celery import chain, chord, group
from celery.exceptions import TaskRevokedError, TimeLimitExceeded
from feature_tasks import (
    add, app, count, echo, fail, late, nap, never_lucky, now, queue, report_error, softly_limited, third_time_lucky,
    total,
)  # fmt: skip
from support import (
    RESP_URL, Process, celery, check, equal, main, raises, run_celery, scenario, shorten, unique, wait_until, worker,
)  # fmt: skip

MODULE = "feature_tasks"
SECONDS = 40  # for one result; a lost message fails the scenario instead of hanging it
store = redis.Redis.from_url(f"{RESP_URL}/2")


def a_worker(*arguments, **named):
    return worker(MODULE, "-E", *arguments, **named)


@scenario
def canvas():
    with a_worker(concurrency=4):
        equal(add.delay(2, 3).get(SECONDS), 5, "one task")
        equal(chain(add.s(1, 2), add.s(3), add.s(4)).delay().get(SECONDS), 10, "a chain")
        equal(group(add.s(i, i) for i in range(30)).delay().get(SECONDS), [2 * i for i in range(30)], "a group")
        equal(chord([add.s(i, 1) for i in range(200)], total.s()).delay().get(SECONDS), 20_100, "a chord of 200")
        nested = chain(add.s(1, 1), group(add.s(1), add.s(2)), total.s(), add.s(100))
        equal(nested.delay().get(SECONDS), 107, "a chord inside a chain")
        of_groups = chord([group(echo.s(i) for i in range(3)), group(echo.s(i) for i in range(3))], total.s())
        equal(of_groups.delay().get(SECONDS), 6, "a chord of groups")
        equal(add.starmap([(1, 2), (3, 4)]).delay().get(SECONDS), [3, 7], "a starmap")
        equal(add.chunks(((i, i) for i in range(10)), 5).delay().get(SECONDS),
              [[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]], "chunks")  # fmt: skip
        linked = unique("linked")
        add.apply_async((1, 1), link=count.si(linked))
        wait_until(lambda: store.get(linked) == b"1", "the callback to run")
        raises(Exception, chord([add.s(1, 1), fail.s("in a header")], total.s()).delay().get, SECONDS,
               containing="in a header")  # fmt: skip


@scenario
def results():
    with a_worker():
        failed = fail.apply_async(("boom",), link_error=report_error.s())
        raises(ValueError, failed.get, SECONDS, containing="boom")
        equal(failed.status, "FAILURE")
        check("ValueError" in failed.traceback, "the traceback is in the result")
        wait_until(lambda: store.get(f"{queue}-error-{failed.id}") == b"boom", "the error callback to run")

        large = "x" * 5_000_000
        equal(len(echo.delay(large).get(SECONDS)), len(large), "a body and a result of 5 MB")
        equal(echo.delay("žluťoučký \N{SNOWMAN} \0 end").get(SECONDS), "žluťoučký \N{SNOWMAN} \0 end")
        deep = {"list": [None, True, 1.5, -1, 2**60, {"nested": []}]}
        equal(echo.delay(deep).get(SECONDS), deep, "a nested value")

        done = add.delay(1, 1)
        equal(done.get(SECONDS), 2)
        key = f"celery-task-meta-{done.id}"
        equal(json.loads(store.get(key))["result"], 2, "the stored result")
        check(86_000 < store.ttl(key) <= 86_400, "the stored result expires")
        done.forget()
        equal(store.exists(key), 0, "a forgotten result")

        many = group(echo.s(i) for i in range(300)).delay()
        equal(sorted(many.get(SECONDS)), list(range(300)), "300 results fetched at once")
        many.save()
        equal(app.GroupResult.restore(many.id).completed_count(), 300, "a saved group")
        many.delete()


@scenario
def timing():
    with a_worker():
        sent = time.time()
        ran = now.apply_async(countdown=2).get(SECONDS)
        check(1.9 < ran - sent < 6, f"a countdown of 2 s took {ran - sent:.2f} s")
        # More waiting tasks than the prefetch: the worker raises its window for each of them.
        sent = time.time()
        ran = [result.get(SECONDS) for result in [now.apply_async(countdown=3) for _ in range(40)]]
        check(min(ran) - sent > 2.9, "40 countdowns: none early")
        equal(third_time_lucky.delay().get(SECONDS), 2, "retries until success")
        raises(KeyError, never_lucky.delay().get, SECONDS, containing="always")
        raises(TaskRevokedError, now.apply_async(expires=-1).get, SECONDS)
        equal(softly_limited.delay().get(SECONDS), "told to stop", "a soft time limit")
        raises(TimeLimitExceeded, nap.apply_async((30,), time_limit=1).get, SECONDS)


@scenario
def revoke():
    with a_worker(concurrency=1):
        waiting = now.apply_async(countdown=3)
        time.sleep(0.5)
        waiting.revoke()
        raises(TaskRevokedError, waiting.get, SECONDS)
        running = nap.delay(60)
        wait_until(lambda: running.status == "STARTED", "the task to start")
        running.revoke(terminate=True, signal="SIGKILL")
        raises(TaskRevokedError, running.get, SECONDS)
        equal(add.delay(1, 1).get(SECONDS), 2, "the worker goes on")


@scenario
def control():
    name = unique("inspected")
    with a_worker(name=name, concurrency=2):
        inspect = app.control.inspect(timeout=3)
        pong = wait_until(inspect.ping, "a worker to answer the ping")
        (full,) = [worker_name for worker_name in pong if worker_name.startswith(name)]
        equal(pong[full], {"ok": "pong"})
        mine = app.control.inspect([full], timeout=3)
        sleeper, later = nap.delay(5), now.apply_async(countdown=60)
        wait_until(lambda: sleeper.status == "STARTED", "the task to start")
        equal([task["id"] for task in mine.active()[full]], [sleeper.id], "active")
        wait_until(lambda: [task["request"]["id"] for task in mine.scheduled()[full]] == [later.id], "scheduled")
        stats = mine.stats()[full]
        check(stats["pool"]["max-concurrency"] == 2 and "broker" in stats, f"stats: {shorten(stats)}")
        check("feature_tasks.add" in mine.registered()[full], "registered")
        check(queue in [entry["name"] for entry in mine.active_queues()[full]], "active_queues")
        check(mine.conf()[full]["task_default_queue"] == queue, "conf")
        equal(app.control.rate_limit("feature_tasks.add", "100/s", destination=[full], reply=True, timeout=3),
              [{full: {"ok": "new rate limit set successfully"}}])  # fmt: skip
        app.control.pool_grow(1, destination=[full], reply=True, timeout=3)
        wait_until(lambda: len(mine.stats()[full]["pool"]["processes"]) == 3, "the pool to grow")
        later.revoke()
        check("1 node online" in run_celery(MODULE, "status", "-d", full, "-t", "5"), "celery status")
        check("pong" in run_celery(MODULE, "inspect", "ping", "-d", full, "-t", "5"), "celery inspect ping")
        other = f"{queue}-added"
        app.control.add_consumer(other, destination=[full], reply=True, timeout=3)
        equal(add.apply_async((4, 4), queue=other).get(SECONDS), 8, "a queue added while running")
        app.control.cancel_consumer(other, destination=[full], reply=True, timeout=3)
        equal(sleeper.get(SECONDS), 5)


@scenario
def events():
    with a_worker(), celery(MODULE, "events", "--dump", ready="starting capture") as dump:
        time.sleep(1)
        result = add.delay(20, 22)
        equal(result.get(SECONDS), 42)
        for kind in ("heartbeat: ", "task received: ", "task started: ", "task succeeded: "):
            wait_until(lambda: kind in dump.output(), f"{kind!r} in the dump")
        check(result.id in dump.output(), "the task's id in the events")


@scenario
def beat():
    ticks = f"{queue}-ticks"
    schedule = f"/tmp/{unique('beat')}"
    with a_worker(), celery(MODULE, "beat", "-l", "info", "-s", schedule, ready="beat: Starting"):
        wait_until(lambda: int(store.get(ticks) or 0) >= 4, "four ticks of the one-second schedule", 30)
    for ending in ("", ".db", ".dat", ".dir", ".bak"):
        if os.path.exists(schedule + ending):
            os.unlink(schedule + ending)


@scenario
def acks_late():
    """A worker that dies with a task unacknowledged: the next one gets it, marked as redelivered."""
    key = unique("late")
    first = a_worker(concurrency=1)
    try:
        result = late.delay(key)
        wait_until(lambda: store.get(key) == b"1", "the first run")
        first.kill()
        with a_worker(concurrency=1):
            equal(result.get(SECONDS), 2, "the run after the kill")
    finally:
        first.kill()


@scenario
def purge():
    for _ in range(20):
        add.delay(1, 1)
    with app.connection_for_write() as connection:
        depth = connection.default_channel.queue_declare(queue, passive=True).message_count
    equal(depth, 20, "waiting messages")
    printed = run_celery(MODULE, "purge", "-f", "-Q", queue)
    check("20 messages" in printed, f"celery purge said {printed}")
    equal(app.control.purge(), 0, "after the purge")


@scenario
def routing():
    """A topic exchange, and a broadcast that two workers both receive."""
    counter = unique("broadcast")
    with a_worker(concurrency=1), a_worker(concurrency=1):
        routed = add.apply_async((2, 2), queue=f"{queue}-topic", routing_key="news.local.weather")
        equal(routed.get(SECONDS), 4, "a task through a topic exchange")
        broadcast = app.amqp.queues[f"{queue}-broadcast"]
        # Celery declares no broadcast queue for its sender; over Redis the sender must know the exchange's type.
        count.apply_async((counter,), queue=broadcast, declare=[broadcast.exchange])
        wait_until(lambda: store.get(counter) == b"2", "both workers to run the broadcast")


@scenario
def rpc_results():
    """Results as messages, without the store: each client has a reply queue of its own."""
    program = (
        "from celery import group\n"
        "from feature_tasks import add, fail\n"
        f"assert add.delay(1, 2).get({SECONDS}) == 3\n"
        f"assert group(add.s(i, i) for i in range(20)).delay().get({SECONDS}) == [2 * i for i in range(20)]\n"
        "try:\n"
        f"    fail.delay('over rpc').get({SECONDS})\n"
        "except ValueError as error:\n"
        "    assert 'over rpc' in str(error)\n"
        "else:\n"
        "    raise AssertionError('no error')\n"
    )
    environment = {"TEST_BACKEND": "rpc://"}
    with a_worker(environment=environment):
        with Process([sys.executable, "-c", program], environment=environment) as client:
            try:
                equal(client.child.wait(90), 0, "the client's exit code")
            except subprocess.TimeoutExpired:
                raise AssertionError("the client hangs") from None


@scenario
def sequence():
    """2,000 small tasks through a solo worker: none lost, none twice, and in time: its loop sleeps up to a second
    over acknowledgements it has not sent unless it is woken, which adds up to minutes."""
    counter = unique("sequence")
    with worker(MODULE, pool="solo", concurrency=1):
        for _ in range(2_000):
            count.apply_async((counter,), ignore_result=True)
        wait_until(lambda: int(store.get(counter) or 0) >= 2_000, "2,000 tasks to run", 60)
        time.sleep(0.5)
        equal(store.get(counter), b"2000")


main()
