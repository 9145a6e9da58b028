"""Celery's native delayed delivery: tasks with a countdown wait in 28 chained quorum queues, not in a worker."""

import os
import time

os.environ.setdefault("TEST_QUEUE", f"native-delay-{os.getpid()}-{int(time.time())}")

import redis
from native_delay_tasks import app, now, queue
from support import RESP_URL, check, equal, main, scenario, wait_until, worker

store = redis.Redis.from_url(RESP_URL, decode_responses=True)


def messages(name):
    return {row["name"]: row["messages"] for row in rows()}[name]


def rows():
    flat = store.execute_command("QUEUE", "LIST")
    return [row if isinstance(row, dict) else dict(zip(row[::2], row[1::2])) for row in flat]


@scenario
def native_delay():
    with worker("native_delay_tasks", concurrency=2):
        equal(sum(row["name"].startswith("celery_delayed_") for row in rows()), 28, "queues of the chain")
        sent = time.time()
        late = {seconds: now.apply_async(countdown=seconds) for seconds in (6, 3, 1)}
        soon = now.delay()
        # 6 s are 4 s in one queue and 2 s in the next.
        wait_until(lambda: messages("celery_delayed_2") == 1, "the longest to wait in the queue of 4 seconds", 3)
        check(soon.get(20) - sent < 3, "what has no countdown goes at once")
        for seconds, result in late.items():
            took = result.get(30) - sent
            check(seconds <= took < seconds + 4, f"{seconds} s took {took:.2f} s")
        equal(sum(row["messages"] for row in rows() if row["name"].startswith("celery_delayed_")), 0, "left in the chain")
    # Without a worker: a day is 86,400 s, whose highest power of two is 2^16.
    now.apply_async(countdown=86_400)
    wait_until(lambda: messages("celery_delayed_16") == 1, "a day to wait in the queue of 65,536 seconds", 5)
    equal(messages(queue), 0, "nothing in the task's queue")


main()
