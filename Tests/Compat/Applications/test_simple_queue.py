"""kombu's SimpleQueue and SimpleBuffer: the smallest application there is."""

import queue
import uuid

import pytest
from kombu import Connection


@pytest.fixture
def connection(broker_url):
    with Connection(broker_url) as connection:
        yield connection


@pytest.fixture
def name(connection):
    name = f"simple-{uuid.uuid4()}"
    yield name
    connection.channel().queue_delete(name)


def test_what_is_put_is_got_in_order(connection, name):
    with connection.SimpleQueue(name) as simple:
        for number in range(1000):
            simple.put({"number": number}, serializer="json", compression="zlib" if number % 2 else None)
        for number in range(1000):
            message = simple.get(timeout=5)
            assert message.payload == {"number": number}
            message.ack()
        with pytest.raises(queue.Empty):
            simple.get(block=False)


def test_what_is_not_acknowledged_comes_again(broker_url, name):
    with Connection(broker_url) as connection, connection.SimpleQueue(name) as simple:
        simple.put("kept")
        simple.put("requeued")
        assert simple.get(timeout=5).payload == "kept"
        second = simple.get(timeout=5)
        second.requeue()
        assert simple.get(timeout=5).payload == "requeued"
    with Connection(broker_url) as connection, connection.SimpleQueue(name) as simple:
        seen = []
        for _ in range(2):
            message = simple.get(timeout=5)
            assert message.delivery_info["redelivered"]
            seen.append(message.payload)
            message.ack()
        assert seen == ["kept", "requeued"]


def test_a_buffer_takes_no_acknowledgement_and_can_be_cleared(connection, broker_url, name):
    with connection.SimpleBuffer(name) as buffer:
        for number in range(10):
            buffer.put(number)
        assert [buffer.get(timeout=5).payload for _ in range(10)] == list(range(10))
    with Connection(broker_url) as other, other.SimpleBuffer(name) as buffer:
        buffer.consumer.cancel()
        for number in range(10):
            buffer.put(number)
        assert buffer.qsize() == 10
        assert buffer.clear() == 10
        assert buffer.qsize() == 0
