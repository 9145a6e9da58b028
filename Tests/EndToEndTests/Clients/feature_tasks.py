"""The tasks that celery_features.py runs. TEST_BROKER chooses the broker; TEST_QUEUE the default queue."""

import os
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from kombu import Exchange, Queue
from kombu.common import Broadcast
from support import AMQP_URL, RESP_URL

queue = os.environ.get("TEST_QUEUE", "features")
broker = {"amqp": AMQP_URL, "redis": f"{RESP_URL}/1"}[os.environ.get("TEST_BROKER", "amqp")]
app = Celery("features", broker=broker, backend=os.environ.get("TEST_BACKEND", f"{RESP_URL}/2"))
app.conf.update(
    task_default_queue=queue,
    task_queues=[
        Queue(queue, Exchange(queue), routing_key=queue),
        Queue(f"{queue}-topic", Exchange(f"{queue}-topic", type="topic"), routing_key="news.#"),
        Broadcast(f"{queue}-broadcast"),
    ],
    task_default_exchange=queue,
    task_default_routing_key=queue,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    task_track_started=True,
    result_extended=True,
    result_chord_join_timeout=60,
    beat_schedule={"tick": {"task": "feature_tasks.count", "schedule": 1.0, "args": [f"{queue}-ticks"]}},
)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def echo(value):
    return value


@app.task
def nap(seconds):
    time.sleep(seconds)
    return seconds


@app.task
def fail(text):
    raise ValueError(text)


@app.task
def now():
    return time.time()


@app.task
def count(key):
    """Counts its own runs in the store, for tasks whose results nobody holds."""
    return app.backend.client.incr(key)


@app.task
def report_error(request, error, trace):
    app.backend.client.set(f"{queue}-error-{request.id}", str(error))


@app.task(bind=True, max_retries=5)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task(bind=True, autoretry_for=(KeyError,), retry_backoff=False, default_retry_delay=0, max_retries=2)
def never_lucky(self):
    raise KeyError("always")


@app.task(soft_time_limit=1)
def softly_limited():
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        return "told to stop"


@app.task(acks_late=True, reject_on_worker_lost=True)
def late(key):
    """First run: stays until its worker is killed. Second run: returns at once."""
    runs = app.backend.client.incr(key)
    if runs == 1:
        time.sleep(60)
    return runs
