"""What must be there after the daemon stopped and started again on the same data folder.

usage: restart.py before | after        (between the two the daemon ends, cleanly or by SIGKILL, and starts)
"""

import time

import pika
import redis
from pika.exceptions import ChannelClosedByBroker
from support import AMQP_HOST, AMQP_PORT, RESP_HOST, RESP_PORT, check, equal, main, raises, scenario, wait_until

PERSISTENT = pika.BasicProperties(delivery_mode=2, headers={"kind": "kept"})
LARGE = bytes(range(256)) * 4_096  # 1 MiB
STREAM = {"x-queue-type": "stream", "x-max-age": "1D"}
store = redis.Redis(RESP_HOST, RESP_PORT, 1, decode_responses=True)


def connect():
    return pika.BlockingConnection(pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, heartbeat=0))


@scenario
def before():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for kind in ("direct", "fanout", "topic", "headers"):
            channel.exchange_declare(f"kept-{kind}", kind, durable=True)
        channel.exchange_declare("lost-exchange", "direct")
        channel.queue_declare("kept", durable=True, arguments={"x-message-ttl": 3_600_000})
        channel.queue_declare("kept-empty", durable=True)
        channel.queue_declare("deleted", durable=True)
        channel.queue_declare("lost-queue")
        channel.queue_bind("kept", "kept-topic", "news.#")
        channel.queue_bind("kept", "kept-headers", "", {"x-match": "all", "a": 1})
        channel.exchange_bind("kept-topic", "kept-fanout", "")
        for number in range(1_000):
            channel.basic_publish("", "kept", b"message %d" % number, PERSISTENT)
        channel.basic_publish("", "kept", LARGE, PERSISTENT)
        channel.basic_publish("kept-topic", "news.x", b"through the exchange", PERSISTENT)
        channel.basic_publish("", "kept", b"transient")
        channel.basic_publish("", "lost-queue", b"x", PERSISTENT)
        channel.basic_publish("", "deleted", b"x", PERSISTENT)
        channel.queue_delete("deleted")
        for _ in range(100):  # 0…99 are done with
            method, _, _ = channel.basic_get("kept")
        channel.basic_ack(method.delivery_tag, multiple=True)
        for _ in range(50):  # 100…149 are out, not acknowledged
            channel.basic_get("kept")
        # Acknowledgements are not confirmed; this round trip comes after them.
        channel.queue_declare("kept-empty", passive=True)
        channel.basic_publish("", "kept-empty", b"flush", PERSISTENT)
        equal(channel.queue_purge("kept-empty").method.message_count, 1)
        channel.queue_declare("kept-stream", durable=True, arguments=STREAM)
        for number in range(500):
            channel.basic_publish("", "kept-stream", b"%d" % number)  # transient, and kept all the same
        channel.basic_qos(prefetch_count=10)
        for method, _, _ in channel.consume("kept-stream", arguments={"x-stream-offset": "first"}, inactivity_timeout=10):
            channel.basic_ack(method.delivery_tag)
            if method.delivery_tag >= 151 + 200:
                break
        channel.cancel()

    store.flushdb()
    store.set("string", "value")
    store.set("expiring", "value", ex=500)
    store.set("short-lived", "value", px=300)
    store.rpush("list", *range(500))
    store.lpop("list", 100)
    store.hset("hash", mapping={"a": "1", "b": "2"})
    store.hdel("hash", "b")
    store.sadd("set", *range(300))
    store.zadd("sorted", {"a": 1.5, "b": float("inf")})
    store.set("removed", "x")
    store.delete("removed")
    with store.pipeline() as pipe:
        pipe.set("one", 1).incr("one").rename("one", "renamed").execute()
    store.eval("redis.call('SET', KEYS[1], ARGV[1]) redis.call('INCRBY', KEYS[1], 5)", 1, "scripted", "37")
    store.set("large", "x" * 3_000_000)
    time.sleep(1.3)  # the store's own promise is one second


@scenario
def after():
    with connect() as connection:
        for kind in ("direct", "fanout", "topic", "headers"):
            connection.channel().exchange_declare(f"kept-{kind}", kind, durable=True, passive=True)
        for declare in (
            lambda channel: channel.exchange_declare("lost-exchange", passive=True),
            lambda channel: channel.queue_declare("lost-queue", passive=True),
            lambda channel: channel.queue_declare("deleted", passive=True),
        ):
            equal(raises(ChannelClosedByBroker, declare, connection.channel()).reply_code, 404)
        channel = connection.channel()
        declared = channel.queue_declare("kept", durable=True, arguments={"x-message-ttl": 3_600_000})
        equal(declared.method.message_count, 902, "messages that were persistent and not acknowledged")
        equal(channel.queue_declare("kept-empty", passive=True).method.message_count, 0, "the purged queue")
        expected = [b"message %d" % number for number in range(100, 1_000)] + [LARGE, b"through the exchange"]
        for number, body in enumerate(expected):
            method, properties, got = channel.basic_get("kept", auto_ack=True)
            check(method is not None and got == body, f"message {number}: {got and got[:40]!r} instead of {body[:40]!r}")
            equal((properties.delivery_mode, properties.headers), (2, {"kind": "kept"}))
            equal(method.routing_key, "news.x" if body == expected[-1] else "kept")
        equal(channel.basic_get("kept")[0], None, "nothing more")
        channel.basic_publish("kept-fanout", "news.y", b"still bound")
        channel.basic_publish("kept-headers", "", b"by header", pika.BasicProperties(headers={"a": 1}))
        wait_until(lambda: channel.queue_declare("kept", passive=True).method.message_count == 2, "both bindings")
        channel.queue_purge("kept")

        equal(channel.queue_declare("kept-stream", durable=True, arguments=STREAM).method.message_count, 500, "the stream")
        channel.confirm_delivery()
        channel.basic_publish("", "kept-stream", b"500")
        channel.basic_qos(prefetch_count=7)
        reader = channel.consume("kept-stream", arguments={"x-stream-offset": 123}, inactivity_timeout=20)
        for offset in range(123, 501):
            method, properties, body = next(reader)
            check(method is not None, f"no delivery at offset {offset}")
            equal((body, properties.headers), (b"%d" % offset, {"x-stream-offset": offset}))
            channel.basic_ack(method.delivery_tag)
        channel.cancel()
        info = store.execute_command("QUEUE", "INFO", "kept-stream")
        info = info if isinstance(info, dict) else dict(zip(info[::2], info[1::2]))
        equal((info["type"], info["first_offset"], info["last_offset"]), ("stream", 0, 500))

    equal((store.get("string"), store.get("removed"), store.get("short-lived")), ("value", None, None))
    check(400 < store.ttl("expiring") <= 500, f"the time left: {store.ttl('expiring')}")
    equal((store.lrange("list", 0, -1), store.ttl("list")), ([str(number) for number in range(100, 500)], -1))
    equal(store.hgetall("hash"), {"a": "1"})
    equal(store.smembers("set"), {str(number) for number in range(300)})
    equal(store.zrange("sorted", 0, -1, withscores=True) and store.zscore("sorted", "b"), float("inf"))
    equal((store.get("renamed"), store.exists("one"), store.get("scripted"), store.strlen("large")), ("2", 0, "42", 3_000_000))
    equal(store.dbsize(), 9)


main()
