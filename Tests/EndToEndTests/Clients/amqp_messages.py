"""10,000 messages, published with confirms and consumed in order with every byte of every body checked.

usage: amqp_messages.py [SCENARIO ...]
"""

import hashlib
import socket
import time

import amqp
import pika
from support import AMQP_HOST, AMQP_PORT, check, equal, main, scenario, unique, wait_until

COUNT = 10_000
FRAME_MAX = 131_072
# 0, 1, one byte around every limit of one frame's payload, several frames, and one large body.
SIZES = [0, 1, 7, 8, FRAME_MAX - 9, FRAME_MAX - 8, FRAME_MAX - 7, FRAME_MAX, 3 * FRAME_MAX, 10_000_000]


def body_of(index):
    """Small and different for each message; the number leads, so that order can be seen."""
    return b"%08d:" % index + hashlib.blake2b(b"%d" % index).digest()[: index % 60]


def large_body(size):
    block = hashlib.blake2b(b"%d" % size).digest()
    return (block * (size // len(block) + 1))[:size]


def pika_connection(frame_max=FRAME_MAX):
    return pika.BlockingConnection(
        pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, heartbeat=60, frame_max=frame_max, blocked_connection_timeout=30)
    )


def pika_round(bodies, prefetch=500):
    queue = unique("pika")
    with pika_connection() as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True)
        channel.confirm_delivery()  # from here on each basic_publish waits for its confirm
        for number, body in enumerate(bodies):
            channel.basic_publish(
                "", queue, body,
                pika.BasicProperties(
                    delivery_mode=2, content_type="application/octet-stream", correlation_id=str(number),
                    headers={"n": number, "text": "ž", "list": [1, None, {"a": -5}]},
                ),
                mandatory=True,
            )  # fmt: skip
        equal(channel.queue_declare(queue, passive=True).method.message_count, len(bodies), "depth")

        seen = 0
        channel = connection.channel()
        channel.basic_qos(prefetch_count=prefetch)
        for method, properties, body in channel.consume(queue, inactivity_timeout=20):
            check(method is not None, f"no delivery for 20 s after {seen} of {len(bodies)}")
            equal(properties.correlation_id, str(seen), "order")
            check(body == bodies[seen], f"body {seen} of {len(bodies[seen])} bytes came back with {len(body)}")
            equal(properties.headers, {"n": seen, "text": "ž", "list": [1, None, {"a": -5}]})
            equal((method.redelivered, method.exchange, method.routing_key), (False, "", queue))
            seen += 1
            if seen % 100 == 0 or seen == len(bodies):
                channel.basic_ack(method.delivery_tag, multiple=True)
            if seen == len(bodies):
                break
        channel.cancel()
        equal(channel.queue_declare(queue, passive=True).method.message_count, 0, "depth after")
        channel.queue_delete(queue)


def amqp_connection(**named):
    connection = amqp.Connection(f"{AMQP_HOST}:{AMQP_PORT}", frame_max=FRAME_MAX, **named)
    connection.connect()
    return connection


def amqp_round(bodies, prefetch=500):
    queue = unique("py-amqp")
    with amqp_connection(confirm_publish=True) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, auto_delete=False)
        for number, body in enumerate(bodies):
            channel.basic_publish_confirm(
                amqp.Message(body, delivery_mode=2, correlation_id=str(number), application_headers={"n": number}),
                routing_key=queue,
            )
        equal(channel.queue_declare(queue, passive=True).message_count, len(bodies), "depth")

        seen = []

        def on_message(message):
            index = len(seen)
            equal(message.properties["correlation_id"], str(index), "order")
            body = message.body if isinstance(message.body, bytes) else message.body.encode()
            check(body == bodies[index], f"body {index}: {len(body)} bytes instead of {len(bodies[index])}")
            seen.append(message.delivery_tag)
            if len(seen) % 100 == 0 or len(seen) == len(bodies):
                channel.basic_ack(message.delivery_tag, multiple=True)

        channel.basic_qos(0, prefetch, False)
        tag = channel.basic_consume(queue, callback=on_message)
        deadline = time.monotonic() + 60
        while len(seen) < len(bodies):
            check(time.monotonic() < deadline, f"only {len(seen)} of {len(bodies)} deliveries within 60 s")
            try:
                connection.drain_events(timeout=20)
            except socket.timeout:
                raise AssertionError(f"no delivery for 20 s after {len(seen)}") from None
        equal(seen, list(range(1, len(bodies) + 1)), "delivery tags")
        channel.basic_cancel(tag)
        wait_until(lambda: channel.queue_declare(queue, passive=True).message_count == 0, "an empty queue")
        channel.queue_delete(queue)


@scenario
def pika_many():
    pika_round([body_of(index) for index in range(COUNT)])


@scenario
def pika_sizes():
    pika_round([large_body(size) for size in SIZES], prefetch=1000)


@scenario
def py_amqp_many():
    amqp_round([body_of(index) for index in range(COUNT)])


@scenario
def py_amqp_sizes():
    amqp_round([large_body(size) for size in SIZES], prefetch=1000)


@scenario
def small_frames():
    """A client that negotiates 4096-byte frames gets no larger one, and may send 10 MB in them."""
    queue = unique("small-frames")
    with pika_connection(frame_max=4096) as small, pika_connection() as large:
        channel, other = small.channel(), large.channel()
        channel.queue_declare(queue, auto_delete=True)
        other.confirm_delivery()
        for body in (large_body(50_000), large_body(10_000_000)):
            other.basic_publish("", queue, body)
            method, _, got = channel.basic_get(queue, auto_ack=True)
            check(method and got == body, "a body from large frames into small ones")
            channel.basic_publish("", queue, body)
            channel.queue_declare(queue, passive=True)
            method, _, got = other.basic_get(queue, auto_ack=True)
            check(method and got == body, "a body from small frames into large ones")
        channel.queue_delete(queue)


main()
