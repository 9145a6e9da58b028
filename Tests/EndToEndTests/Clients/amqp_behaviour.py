"""AMQP as clients see it: exchanges, queues, deliveries, errors with their texts. Through pika.

Every expectation was taken from RabbitMQ; run against it, the program must pass as well.
"""

import datetime
import decimal
import os
import socket
import struct
import time

import pika
from pika.exceptions import (
    AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker, DuplicateConsumerTag,
    ProbableAuthenticationError, UnroutableError,
)  # fmt: skip
from support import AMQP_HOST, AMQP_PORT, check, equal, main, raises, scenario, unique, wait_until


def parameters(**named):
    return pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, **{"heartbeat": 60, "blocked_connection_timeout": 20, **named})


def connect(**named):
    return pika.BlockingConnection(parameters(**named))


def bodies(channel, queue, settle=0.0):
    """Everything ready in a queue, in order."""
    time.sleep(settle)
    found = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return found
        found.append(body.decode())


def closed_channel(connection, code, text, action):
    """The action on a fresh channel must close that channel alone, with this code and text."""
    channel = connection.channel()
    error = raises(ChannelClosedByBroker, action, channel)
    equal((error.reply_code, error.reply_text), (code, text))
    connection.channel().close()  # the connection is unharmed
    return error


@scenario
def handshake():
    with connect(client_properties={"connection_name": "named by its client"}) as connection:
        announced = connection._impl.server_properties
        equal(announced["product"], "RabbitMQ")
        check(announced["version"].startswith("3."), f"version {announced['version']}")
        for capability in (
            "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
            "authentication_failure_close", "per_consumer_qos",
        ):  # fmt: skip
            check(announced["capabilities"].get(capability) is True, f"capability {capability}")
        tuned = connection._impl.params
        equal((tuned.channel_max, tuned.frame_max), (2047, 131072), "tune")
        channels = [connection.channel() for _ in range(100)]
        for channel in channels[::2]:
            channel.close()
        equal(connection.channel().channel_number, 1, "the lowest free channel number")

    wrong = pika.PlainCredentials("guest", "wrong")
    error = raises(ProbableAuthenticationError, connect, credentials=wrong)
    check("403" in str(error) and "ACCESS_REFUSED" in str(error), f"bad password: {error}")
    error = raises(AMQPConnectionError, connect, virtual_host="missing")
    # pika reports it through a different exception in each version; the broker's own text is in it.
    check("530" in repr(error) + repr(getattr(error, "args", "")) or "vhost" in repr(error), f"unknown vhost: {error!r}")


@scenario
def old_header():
    """A header of another protocol is answered with the one spoken here."""
    with socket.create_connection((AMQP_HOST, AMQP_PORT), 10) as peer:
        peer.sendall(b"AMQP\x01\x01\x00\x0a")
        answer = b""
        while len(answer) < 8 and (data := peer.recv(100)):
            answer += data
        equal(answer, b"AMQP\x00\x00\x09\x01")
        try:
            equal(peer.recv(1), b"", "end of stream")
        except ConnectionResetError:
            pass  # dropped with our bytes unread: as good an end


@scenario
def exchanges():
    with connect() as connection:
        channel = connection.channel()
        base = unique("exchanges")
        for kind in ("direct", "fanout", "topic", "headers"):
            channel.exchange_declare(f"{base}-{kind}", kind)
            channel.exchange_declare(f"{base}-{kind}", kind, passive=True)
        queues = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
        a, b, c = queues

        def publish(kind, key="", headers=None):
            channel.basic_publish(f"{base}-{kind}", key, key or str(headers), pika.BasicProperties(headers=headers))

        def got():
            connection.process_data_events()
            return [bodies(channel, queue) for queue in queues]

        channel.queue_bind(a, f"{base}-direct", "red")
        channel.queue_bind(b, f"{base}-direct", "red")
        channel.queue_bind(b, f"{base}-direct", "blue")
        channel.queue_bind(b, f"{base}-direct", "blue")  # again: no second copy
        for key in ("red", "blue", "green"):
            publish("direct", key)
        equal(got(), [["red"], ["red", "blue"], []], "direct")
        channel.queue_unbind(b, f"{base}-direct", "red")
        channel.queue_unbind(b, f"{base}-direct", "never bound")
        publish("direct", "red")
        equal(got(), [["red"], [], []], "direct after unbind")

        for queue in (a, b):
            channel.queue_bind(queue, f"{base}-fanout", "ignored")
        publish("fanout", "x")
        equal(got(), [["x"], ["x"], []], "fanout")

        channel.queue_bind(a, f"{base}-topic", "*.stock.#")
        channel.queue_bind(a, f"{base}-topic", "#.b")
        channel.queue_bind(b, f"{base}-topic", "#")
        channel.queue_bind(c, f"{base}-topic", "*")
        for key in ("us.stock", "us.stock.a.b", "stock.us", "one", "a.b", "..", ""):
            publish("topic", key)
        equal(
            got(),
            [["us.stock", "us.stock.a.b", "a.b"], ["us.stock", "us.stock.a.b", "stock.us", "one", "a.b", "..", "None"], ["one"]],
            "topic",
        )

        channel.queue_bind(a, f"{base}-headers", "", {"x-match": "all", "kind": "report", "pages": 3})
        channel.queue_bind(b, f"{base}-headers", "", {"x-match": "any", "kind": "report", "pages": 4})
        channel.queue_bind(c, f"{base}-headers", "", {"x-match": "all"})
        for headers in ({"kind": "report", "pages": 3}, {"kind": "report"}, {"pages": "3"}):
            publish("headers", headers=headers)
        equal([len(found) for found in got()], [1, 2, 3], "headers")

        # Exchange to exchange, and an alternate exchange for what no binding takes.
        channel.exchange_bind(f"{base}-fanout", f"{base}-direct", "chained")
        publish("direct", "chained")
        equal(got(), [["chained"], ["chained"], []], "exchange to exchange")
        channel.exchange_unbind(f"{base}-fanout", f"{base}-direct", "chained")
        publish("direct", "chained")
        equal(got(), [[], [], []], "after exchange.unbind")

        # The default exchange reaches every queue by its name.
        channel.basic_publish("", c, "by name")
        equal(got(), [[], [], ["by name"]], "default exchange")

        # An auto-delete exchange goes with its last binding.
        channel.exchange_declare(f"{base}-auto", "fanout", auto_delete=True)
        channel.queue_bind(a, f"{base}-auto")
        channel.queue_unbind(a, f"{base}-auto")
        closed_channel(connection, 404, f"NOT_FOUND - no exchange '{base}-auto' in vhost '/'",
                       lambda other: other.exchange_declare(f"{base}-auto", passive=True))  # fmt: skip

        closed_channel(connection, 406,
                       f"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{base}-direct' in vhost '/':"
                       " received 'fanout' but current is 'direct'",
                       lambda other: other.exchange_declare(f"{base}-direct", "fanout"))  # fmt: skip
        closed_channel(connection, 403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
                       lambda other: other.exchange_declare("amq.mine"))  # fmt: skip
        closed_channel(connection, 403, "ACCESS_REFUSED - operation not permitted on the default exchange",
                       lambda other: other.queue_bind(a, "", "key"))  # fmt: skip
        for kind in ("direct", "fanout", "topic", "headers"):
            channel.exchange_delete(f"{base}-{kind}")
        channel.exchange_delete(f"{base}-direct")  # missing by now: succeeds
        for kind in ("direct", "fanout", "topic", "headers", "match"):
            channel.exchange_declare(f"amq.{kind}", passive=True)


@scenario
def queues():
    with connect() as connection, connect() as second:
        channel = connection.channel()
        name = unique("queues")
        declared = channel.queue_declare(name, durable=True, arguments={"x-message-ttl": 300_000, "x-expires": 600_000})
        equal((declared.method.queue, declared.method.message_count, declared.method.consumer_count), (name, 0, 0))
        channel.queue_declare(name, durable=True, arguments={"x-message-ttl": 300_000, "x-expires": 600_000})
        closed_channel(connection, 406,
                       f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/':"
                       " received 'false' but current is 'true'",
                       lambda other: other.queue_declare(
                           name, arguments={"x-message-ttl": 300_000, "x-expires": 600_000}))  # fmt: skip
        closed_channel(connection, 406,
                       f"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{name}' in vhost '/':"
                       " received '1000' but current is '300000'",
                       lambda other: other.queue_declare(
                           name, durable=True, arguments={"x-message-ttl": 1000, "x-expires": 600_000}))  # fmt: skip
        closed_channel(connection, 404, f"NOT_FOUND - no queue '{name}-missing' in vhost '/'",
                       lambda other: other.queue_declare(f"{name}-missing", passive=True))  # fmt: skip
        closed_channel(connection, 404, f"NOT_FOUND - no queue '{name}-missing' in vhost '/'",
                       lambda other: other.basic_consume(f"{name}-missing", lambda *_: None))  # fmt: skip
        closed_channel(connection, 404, f"NOT_FOUND - no queue '{name}-missing' in vhost '/'",
                       lambda other: other.basic_get(f"{name}-missing"))  # fmt: skip
        closed_channel(connection, 404, f"NOT_FOUND - no exchange '{name}-missing' in vhost '/'",
                       lambda other: other.queue_bind(name, f"{name}-missing"))  # fmt: skip
        closed_channel(connection, 403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
                       lambda other: other.queue_declare("amq.mine"))  # fmt: skip

        generated = channel.queue_declare("", exclusive=True).method.queue
        check(generated.startswith("amq.gen-"), f"server-named {generated}")
        for action in (
            lambda other: other.queue_declare(generated, passive=True),
            lambda other: other.basic_get(generated),
            lambda other: other.queue_purge(generated),
        ):
            closed_channel(second, 405,
                           f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{generated}' in vhost '/'."
                           " It could be originally declared on another connection or the exclusive property value"
                           " does not match that of the original declaration.", action)  # fmt: skip

        for number in range(5):
            channel.basic_publish("", name, str(number))
        wait_until(lambda: channel.queue_declare(name, passive=True).method.message_count == 5, "5 ready messages")
        closed_channel(connection, 406, f"PRECONDITION_FAILED - queue '{name}' in vhost '/' not empty",
                       lambda other: other.queue_delete(name, if_empty=True))  # fmt: skip
        method, _, _ = channel.basic_get(name)  # unacknowledged: not for purge
        equal(method.message_count, 4, "messages left behind a get")
        equal(channel.queue_purge(name).method.message_count, 4, "purged")
        channel.basic_nack(method.delivery_tag)
        equal(bodies(channel, name), ["0"], "returned after the purge")
        channel.basic_consume(name, lambda *_: None)
        closed_channel(connection, 406, f"PRECONDITION_FAILED - queue '{name}' in vhost '/' in use",
                       lambda other: other.queue_delete(name, if_unused=True))  # fmt: skip
        equal(channel.queue_delete(name).method.message_count, 0)
        equal(channel.queue_delete(name).method.message_count, 0, "deleting a missing queue")

        # Auto-delete: with its last consumer, not before its first.
        channel = connection.channel()
        channel.queue_declare(f"{name}-auto", auto_delete=True)
        tag = channel.basic_consume(f"{name}-auto", lambda *_: None)
        channel.basic_cancel(tag)
        closed_channel(connection, 404, f"NOT_FOUND - no queue '{name}-auto' in vhost '/'",
                       lambda other: other.queue_declare(f"{name}-auto", passive=True))  # fmt: skip


@scenario
def exclusive_queue_ends_with_its_connection():
    with connect() as watcher:
        first = connect()
        generated = first.channel().queue_declare("", exclusive=True).method.queue
        # As when the process is killed: the socket goes without a close.
        first._impl._transport._sock.shutdown(socket.SHUT_RDWR)

        def gone():
            try:
                watcher.channel().queue_declare(generated, passive=True)
            except ChannelClosedByBroker as error:
                return error.reply_code == 404
            return False

        wait_until(gone, "the exclusive queue to go")


@scenario
def deliveries():
    name = unique("deliveries")
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(name)
        for number in range(10):
            channel.basic_publish("", name, str(number))
        # Requeued messages return to where they were, marked as redelivered.
        taken = [channel.basic_get(name) for _ in range(4)]
        channel.basic_ack(taken[1][0].delivery_tag)
        channel.basic_reject(taken[2][0].delivery_tag, requeue=True)
        channel.basic_nack(taken[0][0].delivery_tag, requeue=True)
        method, _, body = channel.basic_get(name)
        equal((body, method.redelivered), (b"0", True))
        channel.close()  # everything unacknowledged comes back in order
        channel = connection.channel()
        equal(bodies(channel, name), ["0", "2", "3", "4", "5", "6", "7", "8", "9"], "order after the close")

        # Prefetch per consumer, and shared by the channel.
        for number in range(10):
            channel.basic_publish("", name, str(number))
        got = []

        def take(_, method, properties, body):
            got.append((method.consumer_tag, method.delivery_tag, body))

        channel.basic_qos(prefetch_count=2)
        channel.basic_consume(name, take, consumer_tag="one")
        channel.basic_consume(name, take, consumer_tag="two")
        connection.process_data_events(0.3)
        equal(len(got), 4, "two each")
        channel.basic_ack(got[0][1])
        connection.process_data_events(0.3)
        equal(len(got), 5, "one more after one ack")
        channel.basic_qos(prefetch_count=6, global_qos=True)
        channel.basic_ack(got[-1][1], multiple=True)
        connection.process_data_events(0.3)
        equal(len(got), 9, "two each again")
        raises(DuplicateConsumerTag, channel.basic_consume, name, take, consumer_tag="one")
        channel.basic_nack(0, multiple=True, requeue=True)
        channel.basic_cancel("one")
        channel.basic_cancel("two")
        connection.process_data_events(0.2)
        channel.close()

        # basic.recover gives everything unacknowledged again.
        channel = connection.channel()
        channel.queue_purge(name)
        channel.basic_publish("", name, "again")
        channel.basic_get(name)
        channel.basic_recover(requeue=True)
        method, _, body = channel.basic_get(name)
        equal((method.redelivered, body), (True, b"again"))
        channel.basic_ack(method.delivery_tag)

        error = closed_channel(connection, 406, "PRECONDITION_FAILED - unknown delivery tag 7",
                               lambda other: (other.basic_ack(7), other.queue_declare(name, passive=True)))  # fmt: skip
        equal(error.reply_code, 406)

        # An exclusive consumer keeps all others out, and the other way round.
        channel = connection.channel()
        channel.basic_consume(name, take, exclusive=True)
        closed_channel(connection, 403, f"ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use",
                       lambda other: other.basic_consume(name, take))  # fmt: skip
        channel.queue_delete(name)


@scenario
def queue_deleted_under_its_consumer():
    """Clients that say they understand it are told when the broker ends their consumer."""
    name = unique("deleted")
    with connect() as connection, connect() as second:
        channel = connection.channel()
        channel.queue_declare(name)
        cancelled = []
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        channel.basic_consume(name, lambda *_: None, consumer_tag="told")
        second.channel().queue_delete(name)
        for _ in range(50):
            if cancelled:
                break
            connection.process_data_events(0.1)
        equal(cancelled, ["told"])


@scenario
def returns_and_confirms():
    name = unique("returns")
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        error = raises(UnroutableError, channel.basic_publish, "", f"{name}-missing", b"back", mandatory=True)
        returned = error.messages[0]
        equal((returned.method.reply_code, returned.method.reply_text, returned.body), (312, "NO_ROUTE", b"back"))
        channel.basic_publish("", f"{name}-missing", b"dropped")  # not mandatory: confirmed
        channel.queue_declare(name, auto_delete=True)
        channel.basic_publish("", name, b"kept", mandatory=True)
        equal(bodies(channel, name), ["kept"])
        closed_channel(connection, 404, f"NOT_FOUND - no exchange '{name}' in vhost '/'",
                       lambda other: (other.basic_publish(name, "", b""), other.queue_declare(name, passive=True)))  # fmt: skip
        channel.queue_delete(name)


@scenario
def properties():
    """All fourteen properties, and every field type that pika can write."""
    name = unique("properties")
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    headers = {
        "text": "ž", "long": 2**40, "negative": -(2**40), "small": 5, "yes": True, "no": False, "nothing": None,
        "decimal": decimal.Decimal("12.345"), "moment": moment, "bytes": b"\x00\xff",
        "list": [1, "two", None, {"three": [4]}], "table": {"deep": {"deeper": {"deepest": 1}}}, "": "empty name",
    }  # fmt: skip
    sent = pika.BasicProperties(
        content_type="text/plain", content_encoding="utf-8", headers=headers, delivery_mode=2, priority=9,
        correlation_id="c" * 255, reply_to="r", expiration="60000", message_id="m", timestamp=1_700_000_000, type="t",
        user_id="guest", app_id="a", cluster_id="k",
    )  # fmt: skip
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        channel.basic_publish("", name, b"body", sent)
        _, got, body = channel.basic_get(name, auto_ack=True)
        expected = dict(vars(sent))
        actual = dict(vars(got))
        given, returned = expected.pop("headers"), actual.pop("headers")
        equal(actual, expected, "properties")
        equal(sorted(returned), sorted(given), "header names")
        for key, value in given.items():
            result = returned[key]
            if isinstance(result, datetime.datetime) and result.tzinfo is None:
                result = result.replace(tzinfo=datetime.timezone.utc)
            equal(result, value, f"header {key}")
        channel.basic_publish("", name, b"")
        _, got, body = channel.basic_get(name, auto_ack=True)
        equal((body, {key: value for key, value in vars(got).items() if value is not None}), (b"", {}), "no properties")
        closed_channel(connection, 406,
                       "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
                       lambda other: (other.basic_publish("", name, b"", pika.BasicProperties(user_id="other")),
                                      other.queue_declare(name, passive=True)))  # fmt: skip
        channel.queue_delete(name)


@scenario
def time_to_live():
    """What Celery's control and event queues ask for: messages that expire, queues that go when unused."""
    name = unique("ttl")
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(name, arguments={"x-message-ttl": 300})
        channel.basic_publish("", name, b"short")
        channel.queue_declare(f"{name}-own")
        channel.basic_publish("", f"{name}-own", b"shorter", pika.BasicProperties(expiration="200"))
        channel.basic_publish("", f"{name}-own", b"kept")
        time.sleep(0.7)
        equal(bodies(channel, name), [], "after the queue's time to live")
        equal(bodies(channel, f"{name}-own"), ["kept"], "after the message's time to live")
        channel.queue_delete(f"{name}-own")
        channel.queue_delete(name)
        channel.queue_declare(f"{name}-unused", arguments={"x-expires": 400})

        def gone():
            try:
                connection.channel().queue_declare(f"{name}-unused", passive=True)
            except ChannelClosedByBroker as error:
                return error.reply_code == 404
            time.sleep(1)  # each declare starts its time anew

        wait_until(gone, "the unused queue to go")


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def short(text):
    return struct.pack(">B", len(text)) + text


def read_frame(peer):
    def exactly(count):
        data = b""
        while len(data) < count:
            piece = peer.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    kind, channel, size = struct.unpack(">BHI", exactly(7))
    return kind, channel, exactly(size + 1)[:-1]


@scenario
def heartbeats():
    """A peer that asks for heartbeats gets them; one that falls silent is cut."""
    peer = socket.create_connection((AMQP_HOST, AMQP_PORT), 20)
    with peer:
        peer.sendall(b"AMQP\x00\x00\x09\x01")
        equal(read_frame(peer)[2][:4], struct.pack(">HH", 10, 10), "connection.start")
        peer.sendall(frame(1, 0, struct.pack(">HHI", 10, 11, 0) + short(b"PLAIN")
                           + struct.pack(">I", 12) + b"\0guest\0guest" + short(b"en_US")))  # fmt: skip
        equal(read_frame(peer)[2][:4], struct.pack(">HH", 10, 30), "connection.tune")
        peer.sendall(frame(1, 0, struct.pack(">HHHIH", 10, 31, 2047, 131072, 1)))
        peer.sendall(frame(1, 0, struct.pack(">HH", 10, 40) + short(b"/") + short(b"") + b"\0"))
        equal(read_frame(peer)[2][:4], struct.pack(">HH", 10, 41), "connection.open-ok")
        began, beats = time.monotonic(), 0
        try:
            while True:
                kind, channel, payload = read_frame(peer)
                equal((kind, channel, payload), (8, 0, b""), "a heartbeat frame")
                beats += 1
                check(time.monotonic() - began < 12, "a silent peer was never cut")
        except (EOFError, ConnectionResetError):
            pass
        check(beats >= 2, f"{beats} heartbeats before the cut")
        check(time.monotonic() - began > 1.5, "cut before two intervals had passed")


@scenario
def redelivery_after_a_cut():
    name = unique("cut")
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(name)
        for number in range(5):
            channel.basic_publish("", name, str(number))
        child = os.fork()
        if child == 0:
            other = connect()
            taken = other.channel()
            for _ in range(3):
                taken.basic_get(name)
            os._exit(0)  # the system closes the socket; AMQP never hears a close
        os.waitpid(child, 0)
        wait_until(lambda: channel.queue_declare(name, passive=True).method.message_count == 5, "5 ready messages")
        got = [channel.basic_get(name, auto_ack=True) for _ in range(5)]
        equal([(body, method.redelivered) for method, _, body in got],
              [(b"0", True), (b"1", True), (b"2", True), (b"3", False), (b"4", False)])  # fmt: skip
        channel.queue_delete(name)


@scenario
def connection_errors():
    """Errors that end the whole connection say so with RabbitMQ's codes."""
    name = unique("errors")
    with connect() as watcher:
        for action, code in (
            (lambda channel: channel.exchange_declare(name, "no-such-type"), 503),
            (lambda channel: channel.basic_qos(prefetch_size=1), 540),
        ):
            connection = connect()
            error = raises(ConnectionClosedByBroker, action, connection.channel())
            equal(error.reply_code, code, error.reply_text)
        watcher.channel().close()


main()
