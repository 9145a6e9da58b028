"""The broker seen through redis-cli: queues, messages, exchanges, bindings, connections, channels, consumers."""

import json
import subprocess

import pika
import redis
from support import AMQP_HOST, AMQP_PORT, RESP_HOST, RESP_PORT, check, equal, main, scenario, shorten, unique, wait_until

name = unique("inspected")


def redis_cli(*words, options=()):
    return subprocess.check_output(
        ["redis-cli", "-h", RESP_HOST, "-p", str(RESP_PORT), *options, *words],
        text=True, timeout=10, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    ).rstrip("\n")  # fmt: skip


def rows(*words):
    """A reply in RESP3, which redis-cli turns into JSON."""
    return json.loads(redis_cli(*words, options=("-3", "--json")))


def one(found, **wanted):
    """The row that has these values."""
    matching = [row for row in found if all(row.get(key) == value for key, value in wanted.items())]
    check(len(matching) == 1, f"{len(matching)} rows with {wanted} in {shorten(found)}")
    return matching[0]


@scenario
def containers():
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, heartbeat=0, client_properties={"connection_name": name})
    )
    channel = connection.channel()
    channel.exchange_declare(f"{name}-exchange", "topic", durable=True)
    channel.queue_declare(name, durable=True, arguments={"x-message-ttl": 600_000})
    channel.queue_declare(f"{name}-other", auto_delete=True)
    channel.queue_bind(name, f"{name}-exchange", "news.#")
    channel.confirm_delivery()
    for number in range(5):
        channel.basic_publish(f"{name}-exchange", f"news.{number}", b"body %d" % number, pika.BasicProperties(
            content_type="text/plain", delivery_mode=2, priority=3, headers={"number": number, "deep": {"list": [1, "x"]}}))  # fmt: skip

    found = rows("QUEUE", "LIST")
    queue = one(found, name=name)
    equal(
        [queue[key] for key in ("vhost", "durable", "auto_delete", "exclusive", "messages", "messages_ready",
                                "messages_unacknowledged", "consumers")],
        ["/", True, False, False, 5, 5, 0, 0],
    )  # fmt: skip
    one(found, name=f"{name}-other", durable=False, auto_delete=True)
    equal([row["name"] for row in rows("QUEUE", "LIST", "MATCH", f"{name}-*")], [f"{name}-other"], "QUEUE LIST MATCH")
    equal(rows("QUEUE", "LIST", "VHOST", "/", "MATCH", name)[0]["name"], name, "QUEUE LIST VHOST MATCH")
    equal(rows("QUEUE", "INFO", name)["arguments"], {"x-message-ttl": 600_000}, "QUEUE INFO")

    # Peeking shows everything and changes nothing.
    for _ in range(2):
        peeked = rows("QUEUE", "PEEK", name, "1", "2")
        equal([row["body"] for row in peeked], ["body 1", "body 2"])
        equal(peeked[0]["headers"], {"number": 1, "deep": {"list": [1, "x"]}})
        equal((peeked[0]["exchange"], peeked[0]["routing_key"], peeked[0]["redelivered"]), (f"{name}-exchange", "news.1", False))
        equal((peeked[0]["properties"]["content_type"], peeked[0]["properties"]["priority"]), ("text/plain", 3))
    equal(len(rows("QUEUE", "PEEK", name)) >= 1, True)
    equal(one(rows("QUEUE", "LIST"), name=name)["messages_ready"], 5, "after peeking")

    one(rows("EXCHANGE", "LIST"), name=f"{name}-exchange", type="topic", durable=True)
    one(rows("EXCHANGE", "LIST"), name="amq.topic", type="topic")
    one(rows("BINDING", "LIST"), source=f"{name}-exchange", destination=name, routing_key="news.#", destination_type="queue")

    channel.basic_qos(prefetch_count=2)
    channel.basic_consume(name, lambda *_: None, consumer_tag=f"{name}-tag")
    wait_until(lambda: one(rows("QUEUE", "LIST"), name=name)["messages_unacknowledged"] == 2, "two deliveries")
    client = one([row for row in rows("CONNECTION", "LIST") if name in json.dumps(row)])
    equal((client["user"], client["vhost"], client["channels"]), ("guest", "/", 1))
    one(rows("CHANNEL", "LIST"), connection=client["name"], number=1, confirm=True, consumers=1)
    one(rows("CONSUMER", "LIST"), queue=name, consumer_tag=f"{name}-tag", connection=client["name"], ack_required=True, prefetch_count=2)

    info = redis.Redis(RESP_HOST, RESP_PORT).info("broker")
    check(info["broker_queues"] >= 2 and info["broker_messages"] >= 5 and info["broker_connections"] >= 1, f"INFO broker: {info}")
    check("# Broker" in redis_cli("INFO"), "the section in INFO")

    # RESP2 has flat arrays; an unknown name and an unknown subcommand are errors, not ends of the connection.
    flat = redis.Redis(RESP_HOST, RESP_PORT, **({"protocol": 2} if redis.__version__ >= "5" else {}))
    raw = flat.execute_command("QUEUE", "INFO", name)
    check(isinstance(raw, list) and dict(zip(raw[::2], raw[1::2]))[b"name"] == name.encode(), f"RESP2: {shorten(raw)}")
    check(redis_cli("QUEUE", "INFO", f"{name}-missing").startswith("NOTFOUND no such queue "), "an unknown queue")
    check(redis_cli("QUEUE", "NOSUCH").startswith("ERR "), "an unknown subcommand")
    for container in ("queue", "exchange", "binding", "connection", "channel", "consumer", "policy", "limit", "trace"):
        check("summary" in redis_cli("COMMAND", "DOCS", container), f"COMMAND DOCS {container}")

    channel.close()
    wait_until(lambda: one(rows("QUEUE", "LIST"), name=name)["messages_ready"] == 5, "the deliveries to come back")
    equal(redis_cli("QUEUE", "PURGE", name), "5")
    equal(one(rows("QUEUE", "LIST"), name=name)["messages"], 0)
    connection.close()
    wait_until(lambda: name not in json.dumps(rows("CONNECTION", "LIST")), "the connection to go")


main()
