"""taskiq over aio-pika, results in the worker's memory: a worker and its client in one loop."""

import asyncio
import time
import uuid

from aio_pika import ExchangeType
from taskiq.api import run_receiver_task
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType


def run(url, scenario, **options):
    """Runs `scenario(broker)` beside a worker; options may name queues with `{name}`."""

    async def whole():
        name = f"taskiq-{uuid.uuid4().hex}"
        broker = AioPikaBroker(
            url, result_backend=InmemoryResultBackend(max_stored_results=-1), exchange=Exchange(name=name),
            dead_letter_queue=Queue(name=f"{name}-dead"), **{key: make(name) for key, make in options.items()},
        )  # fmt: skip
        broker.is_worker_process = True
        tasks = scenario(broker)
        await broker.startup()
        worker = asyncio.create_task(run_receiver_task(broker))
        try:
            await tasks
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            await broker.shutdown()

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_results_over_a_quorum_queue(broker_url):
    async def scenario(broker):
        @broker.task
        async def double(number):
            return 2 * number

        sent = [await double.kiq(number) for number in range(300)]
        results = [await one.wait_result(timeout=30) for one in sent]
        assert [result.return_value for result in results] == [2 * n for n in range(300)]

    run(broker_url, scenario, task_queues=lambda name: [Queue(name=name, type=QueueType.QUORUM)])


def test_failures_are_told(broker_url):
    async def scenario(broker):
        @broker.task
        async def fails():
            raise ValueError("on purpose")

        result = await (await fails.kiq()).wait_result(timeout=30)
        assert result.is_err and str(result.error) == "on purpose"

    run(broker_url, scenario, task_queues=lambda name: [Queue(name=name)])


async def check_delay(broker):
    @broker.task
    async def now():
        return time.monotonic()

    began = time.monotonic()
    late = await now.kicker().with_labels(delay=1).kiq()
    soon = await now.kiq()
    soon_at = (await soon.wait_result(timeout=30)).return_value
    late_at = (await late.wait_result(timeout=30)).return_value
    assert soon_at < late_at and 1 <= late_at - began < 10


def test_delays_through_a_queue_whose_messages_expire(broker_url):
    run(
        broker_url, check_delay, task_queues=lambda name: [Queue(name=name)],
        delay_queue=lambda name: Queue(name=f"{name}-delay"),
    )  # fmt: skip


def test_delays_through_the_delayed_message_exchange(broker_url):
    run(
        broker_url, check_delay, task_queues=lambda name: [Queue(name=name)],
        delayed_message_exchange_plugin=lambda _: True,
        delayed_message_exchange=lambda name: Exchange(
            name=f"{name}-delayed", type=ExchangeType.X_DELAYED_MESSAGE, arguments={"x-delayed-type": "direct"}),
    )  # fmt: skip


def test_priorities(broker_url):
    async def scenario(broker):
        @broker.task
        async def same(what):
            return what

        sent = [await same.kicker().with_labels(priority=number % 10).kiq(number) for number in range(100)]
        assert [(await one.wait_result(timeout=30)).return_value for one in sent] == list(range(100))

    run(
        broker_url, scenario,
        task_queues=lambda name: [Queue(name=name, type=QueueType.CLASSIC, max_priority=10)],
    )  # fmt: skip
