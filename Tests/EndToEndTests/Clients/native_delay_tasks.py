"""The tasks of native_delay.py: an application whose queue is a quorum queue, so that Celery delays in the broker."""

import os
import time

from celery import Celery
from kombu import Exchange, Queue
from support import AMQP_URL, RESP_URL

queue = os.environ.get("TEST_QUEUE", "native-delay")
app = Celery("native_delay", broker=AMQP_URL, backend=f"{RESP_URL}/2")
app.conf.update(
    task_default_queue=queue,
    task_default_queue_type="quorum",
    task_queues=[
        Queue(
            queue, Exchange(queue, type="topic"), routing_key=queue, queue_arguments={"x-queue-type": "quorum"}),
    ],
    task_default_exchange=queue,
    task_default_exchange_type="topic",
    task_default_routing_key=queue,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)  # fmt: skip


@app.task
def now():
    return time.time()
