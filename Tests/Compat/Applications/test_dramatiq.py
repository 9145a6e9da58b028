"""dramatiq over RabbitMQ, results and rate limiters in Redis."""

import threading
import time
import uuid

import dramatiq
import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import Retries
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as LimiterBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend


@pytest.fixture
def broker(broker_url, backend_url):
    broker = RabbitmqBroker(url=broker_url, confirm_delivery=True, max_priority=10)
    broker.add_middleware(Results(backend=RedisBackend(url=backend_url)))
    for middleware in broker.middleware:
        if isinstance(middleware, Retries):
            middleware.min_backoff, middleware.max_backoff = 50, 100
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


@pytest.fixture
def work(broker):
    workers = []

    def start(queue, **options):
        worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4, queues={queue}, **options)
        worker.start()
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop()


@pytest.fixture
def queue():
    return f"dramatiq-{uuid.uuid4().hex}"


def test_results_of_a_thousand(broker, work, queue):
    @dramatiq.actor(queue_name=queue, store_results=True)
    def double(number):
        return 2 * number

    work(queue)
    sent = [double.send(number) for number in range(1000)]
    assert [message.get_result(block=True, timeout=20_000) for message in sent] == [2 * n for n in range(1000)]
    broker.join(queue, timeout=10_000)


def test_failures_are_retried_then_buried(broker, work, queue):
    attempts = []

    @dramatiq.actor(queue_name=queue, max_retries=3)
    def fails():
        attempts.append(time.monotonic())
        raise RuntimeError("on purpose")

    work(queue)
    fails.send()
    deadline = time.monotonic() + 20
    while len(attempts) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    broker.join(queue, timeout=10_000)
    time.sleep(0.3)
    ready, delayed, dead = broker.get_queue_message_counts(queue)
    assert (len(attempts), ready, delayed, dead) == (4, 0, 0, 1)


def test_delays_and_priorities(broker, work, queue):
    done, ready = [], threading.Event()

    @dramatiq.actor(queue_name=queue)
    def note(what):
        done.append((what, time.monotonic()))
        if len(done) == 2:
            ready.set()

    work(queue)
    began = time.monotonic()
    note.send_with_options(args=("late",), delay=1000)
    note.send("soon")
    assert ready.wait(20)
    assert [what for what, _ in done] == ["soon", "late"]
    assert done[1][1] - began >= 1


def test_pipelines_and_groups(broker, work, queue):
    @dramatiq.actor(queue_name=queue, store_results=True)
    def add(first, second):
        return first + second

    work(queue)
    assert (add.message(1, 2) | add.message(3) | add.message(4)).run().get_result(block=True, timeout=20_000) == 10
    group = dramatiq.group(add.message(n, n) for n in range(50)).run()
    assert list(group.get_results(block=True, timeout=20_000)) == [2 * n for n in range(50)]


def test_rate_limiter(backend_url):
    limiter = ConcurrentRateLimiter(LimiterBackend(url=backend_url), f"limit-{uuid.uuid4().hex}", limit=2)
    with limiter.acquire(), limiter.acquire():
        with limiter.acquire(raise_on_failure=False) as acquired:
            assert not acquired
    with limiter.acquire(raise_on_failure=False) as acquired:
        assert acquired
