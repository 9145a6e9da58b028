"""The table of administration: policies, limits, tracing, events and log lines, as a client of AMQP sees them.

    administration.py                        starts a taskd and compares with administration.json
    administration.py --rabbitmq --record    starts Debian's RabbitMQ and writes what it does
    administration.py --rabbitmq             compares that with the file
    administration.py --only NAME            the rows whose name contains NAME, shown in full

The file was recorded from RabbitMQ 3.10.8 with its plugin rabbitmq_event_exchange. Rows in `OWN` are ours on purpose.
Rows change what holds for everybody, so they run one after the other on a server of their own. What a row does to the
server goes through `Administration`: redis-cli's commands for taskd, rabbitmqctl for RabbitMQ.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from amqp_wire import Peer, content, method
from links import RESPError, RESPLink
from own_daemon import OwnDaemon

ROWS = {}
EXPECTED = pathlib.Path(__file__).with_suffix(".json")
OWN = {
    # The library's successor has other words for it than Erlang's.
    "pattern_without_end": [
        'pattern should be regular expression but is invalid: {"missing closing parenthesis",1}'],
    "policy_bad_value": ["the value of 'max-length' is refused: \"expected integer, got longstr\""],
}


def row(function):
    ROWS[function.__name__] = function
    return function


class Failed(Exception):
    """The server's words."""


class Taskd:
    """A taskd with everything on."""

    def __init__(self, folder):
        self.daemon = OwnDaemon(folder).start(amqp_event_exchange="true", log_exchange="true")
        self.port = self.daemon.amqp_port
        self.link = RESPLink(self.daemon.resp_port)

    def call(self, *words):
        answer = self.link.call(*words)
        if isinstance(answer, RESPError):
            raise Failed(str(answer))
        return answer

    def stop(self):
        self.daemon.kill()

    def set_policy(self, name, pattern, definition, operator=False):
        self.call("POLICY", "SET", name, pattern, definition, *(["OPERATOR"] if operator else []))

    def clear_policy(self, name, operator=False):
        self.call("POLICY", "CLEAR", name, *(["OPERATOR"] if operator else []))

    def set_limit(self, subject, name, value):
        self.call("LIMIT", "SET", subject, {"vhost": "/", "user": "guest"}[subject], name, value)

    def clear_limits(self, subject):
        self.call("LIMIT", "CLEAR", subject, {"vhost": "/", "user": "guest"}[subject])

    def trace(self, on):
        self.call("TRACE", "ON" if on else "OFF")


class RabbitMQ:
    """Debian's, on free ports and with a folder of its own."""

    def __init__(self, folder):
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "Scripts" / "bench"))
        import servers

        class WithPlugins(servers.RabbitMQ):
            def spawn(self, arguments, environment=None):
                if "RABBITMQ_NODENAME" in (environment or {}):
                    (self.folder / "plugins").write_text("[rabbitmq_event_exchange].\n")
                    (self.folder / "set.conf").write_text("log.exchange = true\nlog.exchange.level = info\n")
                    environment["RABBITMQ_CONFIG_FILE"] = str(self.folder / "set.conf")
                    self.environment = environment
                return super().spawn(arguments, environment)

        self.server = WithPlugins(folder)
        self.port = self.server.amqp_port
        time.sleep(3)

    def stop(self):
        self.server.stop()

    def control(self, *words):
        environment = {k: v for k, v in self.server.environment.items() if k != "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"}
        done = subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *map(str, words)], env={**os.environ, **environment},
            capture_output=True, text=True, timeout=120)  # fmt: skip
        if done.returncode:
            raise Failed(done.stdout + done.stderr)

    def set_policy(self, name, pattern, definition, operator=False):
        self.control("set_operator_policy" if operator else "set_policy", name, pattern, definition)

    def clear_policy(self, name, operator=False):
        self.control("clear_operator_policy" if operator else "clear_policy", name)

    def set_limit(self, subject, name, value):
        limits = json.dumps({name: value})
        self.control(*(["set_vhost_limits", limits] if subject == "vhost" else ["set_user_limits", "guest", limits]))

    def clear_limits(self, subject):
        self.control(*(["clear_vhost_limits"] if subject == "vhost" else ["clear_user_limits", "guest", "all"]))

    def trace(self, on):
        self.control("trace_on" if on else "trace_off")


class Bench:
    """What a row gets."""

    def __init__(self, server, name):
        self.server, self.name, self.peers, self.undo = server, name, [], []

    def peer(self, **open):
        self.peers.append(Peer(self.server.port).open(**open))
        return self.peers[-1]

    def half(self):
        """A connection that is tuned; what `connection.open` is answered."""
        self.peers.append(Peer(self.server.port).tuned())
        return self.peers[-1].call(0, "connection.open", "/", "", False).take()

    def queue(self, peer, suffix="", arguments=None, durable=False):
        name = f"t.{self.name}{suffix}"
        peer.call(1, "queue.declare", 0, name, False, durable, not durable, False, False, arguments or {})
        answer = peer.take()
        assert answer == [f'1 queue.declare-ok "{name}" 0 0'], answer
        return name

    def publish(self, peer, exchange, key, body=b"hi", properties=None, channel=1):
        peer.send(method(channel, "basic.publish", 0, exchange, key, False, False)
                  + content(channel, body, properties))

    def fill(self, peer, queue, count):
        for number in range(count):
            self.publish(peer, "", queue, str(number).encode())

    def ready(self, peer, queue):
        """How many messages are left."""
        time.sleep(0.3)
        return peer.call(1, "queue.declare", 0, queue, True, False, False, False, False, {}).take()[0].split('" ')[1]

    def policy(self, definition, operator=False, pattern=None, name=None):
        name = name or f"p.{self.name}"
        self.server.set_policy(name, pattern or f"^t[.]{self.name}", definition, operator)
        self.undo.append(lambda: self.server.clear_policy(name, operator))

    def limit(self, subject, name, value):
        self.server.set_limit(subject, name, value)
        self.undo.append(lambda: self.server.clear_limits(subject))

    def listen(self, exchange, key="#"):
        """Messages of the exchange from now on."""
        peer = self.peer()
        queue = self.queue(peer, ".listener")
        peer.call(1, "queue.bind", 0, queue, exchange, key, False, {}).take()
        peer.call(1, "basic.consume", 0, queue, "c", False, True, False, False, {}).take()
        peer.rest(0.3)
        return peer

    def heard(self, peer, *keys, without=()):
        """What the listener has got, under these keys or all: key, then headers and body without what differs from run
        to run."""
        frames, seen = peer.rest(0.8), []
        for index, line in enumerate(frames):
            found = re.match(r'1 basic\.deliver "c" \d+ \d "[^"]*" "([^"]*)"', line)
            if found and (not keys or found[1] in keys):
                rest = frames[index + 1:index + 3]
                seen.append(" ".join([found[1]] + [plain(part) for part in rest if " basic." not in part]))
        return [line for line in seen if not any(part in line for part in without)]

    def finish(self):
        for step in reversed(self.undo):
            try:
                step()
            except Failed:
                pass
        for peer in self.peers:
            peer.close()


def plain(text):
    text = re.sub(r"'timestamp_in_ms': \d+", "'timestamp_in_ms': T", text)
    text = re.sub(r"'connected_at': \d+", "'connected_at': T", text)
    text = re.sub(r"timestamp=\d+", "timestamp=T", text)
    text = re.sub(r"<[\w.-]+@[\w-]+\.[\d.]+>", "<PID>", text)
    text = re.sub(r"[\w.-]+@[\w-]+", "NODE", text)
    text = re.sub(r"127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+", "PEER -> HERE", text)
    return re.sub(r"('(?:peer_)?port': )\d+", r"\1P", text)


def words(action, *values):
    """What a refused command says."""
    try:
        action(*values)
    except Failed as error:
        text = re.sub(r"\s+", " ", str(error)).strip()
        return [re.sub(r"^(Error: |ERR |Validation failed )+", "", text).replace('", ', '",')]
    return ["OK"]


# MARK: Policies

@row
def policy_on_what_exists(b):
    p = b.peer()
    q = b.queue(p)
    b.fill(p, q, 4)
    b.policy('{"max-length":2}')
    return [b.ready(p, q)]


@row
def operator_number_is_smaller(b):
    b.policy('{"max-length":5}')
    b.policy('{"max-length":2}', operator=True)
    p = b.peer()
    q = b.queue(p)
    b.fill(p, q, 6)
    return [b.ready(p, q)]


@row
def operator_number_is_larger(b):
    b.policy('{"max-length":1}')
    b.policy('{"max-length":3}', operator=True)
    p = b.peer()
    q = b.queue(p)
    b.fill(p, q, 6)
    return [b.ready(p, q)]


@row
def operator_beside_an_argument(b):
    b.policy('{"max-length":3}', operator=True)
    p = b.peer()
    small, large = b.queue(p, ".1", {"x-max-length": 1}), b.queue(p, ".2", {"x-max-length": 5})
    b.fill(p, small, 6)
    b.fill(p, large, 6)
    return [b.ready(p, small), b.ready(p, large)]


@row
def operator_on_what_exists(b):
    p = b.peer()
    q = b.queue(p)
    b.fill(p, q, 4)
    b.policy('{"max-length":2}', operator=True)
    seen = [b.ready(p, q)]
    b.server.clear_policy(f"p.{b.name}", True)
    time.sleep(0.3)
    b.fill(p, q, 4)
    return seen + [b.ready(p, q)]


@row
def operator_adds_to_a_policy(b):
    b.policy('{"overflow":"reject-publish"}')
    b.policy('{"max-length":1}', operator=True)
    p = b.peer()
    q = b.queue(p)
    p.call(1, "confirm.select", False).take()
    b.fill(p, q, 1)
    seen = p.take()
    b.fill(p, q, 1)
    return [line.split()[1] for line in seen + p.take()] + [b.ready(p, q)]


@row
def operator_other_keys(b):
    pairs = [("overflow", "reject-publish"), ("dead-letter-exchange", "x"), ("queue-mode", "lazy")]
    return [line for key, value in pairs for line in words(b.policy, f'{{"{key}":"{value}"}}', True)]


@row
def operator_known_keys(b):
    return words(b.policy, '{"expires":300000,"message-ttl":5,"max-length":1,"max-length-bytes":5,'
                           '"max-in-memory-length":5,"max-in-memory-bytes":5,"delivery-limit":3}', True)


@row
def policy_with_a_key_of_other_types(b):
    p = b.peer()
    q = b.queue(p)
    b.policy('{"max-length":1,"delivery-limit":3}')
    b.fill(p, q, 3)
    return [b.ready(p, q)]


@row
def policy_empty(b):
    return words(b.policy, "{}") + words(b.policy, "{}", True)


@row
def policy_unknown_key(b):
    return words(b.policy, '{"max-foo":1}')


@row
def policy_bad_value(b):
    return words(b.policy, '{"max-length":"x"}')


@row
def pattern_of_a_class_without_end(b):
    return words(b.policy, '{"max-length":1}', False, "[")


@row
def pattern_without_end(b):
    return words(b.policy, '{"max-length":1}', False, "(")


@row
def pattern_matches_bytes_anywhere(b):
    p = b.peer()
    q = b.queue(p, ".tail")
    b.policy('{"max-length":1}', False, "re.tail$")
    other = b.queue(p, ".héad")
    b.policy('{"max-length":2}', False, r"\xC3\xA9ad", "p.other")
    b.undo.append(lambda: b.server.clear_policy("p.other"))
    b.fill(p, q, 3)
    b.fill(p, other, 3)
    return [b.ready(p, q), b.ready(p, other)]


# MARK: Limits

@row
def limit_of_connections_in_a_vhost(b):
    b.peer()
    b.limit("vhost", "max-connections", 0)
    return b.half()


@row
def limit_of_connections_in_a_vhost_reached(b):
    b.peer()
    b.peer()
    b.limit("vhost", "max-connections", 2)
    return b.half()


@row
def limit_of_queues(b):
    p = b.peer(channels=(1, 2))
    q = b.queue(p)
    b.limit("vhost", "max-queues", 1)
    p.call(1, "queue.declare", 0, q, False, False, True, False, False, {})
    seen = p.take()
    p.call(1, "queue.declare", 0, q + "2", False, False, True, False, False, {})
    seen += p.take()
    p.call(2, "queue.delete", 0, q, False, False, False)
    p.call(2, "queue.declare", 0, q + "2", False, False, True, False, False, {})
    return seen + p.take(2)


@row
def limit_of_queues_comes_before_arguments(b):
    p = b.peer()
    b.limit("vhost", "max-queues", 0)
    p.call(1, "queue.declare", 0, "q.limit", False, False, True, False, False, {"x-max-length": "x"})
    return p.take()


@row
def limit_of_users_connections(b):
    b.limit("user", "max-connections", 0)
    return b.half()


@row
def limit_of_users_channels(b):
    p = b.peer(channels=(1, 2))
    b.limit("user", "max-channels", 2)
    p.call(3, "channel.open", "")
    return p.take()


@row
def limit_that_is_negative(b):
    b.limit("vhost", "max-connections", -1)
    return b.half()


@row
def limit_that_is_no_number(b):
    return words(b.limit, "vhost", "max-connections", "x") + words(b.limit, "user", "max-channels", "x")


@row
def limit_that_is_unknown(b):
    return words(b.limit, "vhost", "max-channels", 1) + words(b.limit, "user", "max-queues", 1)


# MARK: The firehose

def traced(b, action):
    listener = b.listen("amq.rabbitmq.trace")
    b.server.trace(True)
    b.undo.append(lambda: b.server.trace(False))
    p = b.peer(channels=(1, 2))
    action(p)
    return b.heard(listener)


@row
def trace_publish_and_get(b):
    def run(p):
        q = b.queue(p)
        b.publish(p, "", q)
        p.call(1, "basic.get", 0, q, True).take(3)
    return traced(b, run)


@row
def trace_properties(b):
    def run(p):
        q = b.queue(p)
        p.call(1, "queue.bind", 0, q, "amq.topic", "k.#", False, {}).take()
        b.publish(p, "amq.topic", "k.1", b"hi", {
            "content_type": "text/plain", "content_encoding": "e", "headers": {"a": 1, "CC": ["k.cc"]},
            "delivery_mode": 2, "priority": 3, "correlation_id": "c", "reply_to": "r", "expiration": "60000",
            "message_id": "m", "timestamp": 5, "type": "t", "user_id": "guest", "app_id": "a", "cluster_id": "x"})
        p.call(1, "basic.consume", 0, q, "c", False, True, False, False, {}).take(4)
    return traced(b, run)


@row
def trace_what_goes_nowhere(b):
    def run(p):
        b.publish(p, "", "t.nowhere")
        b.publish(p, "amq.topic", "nowhere")
        time.sleep(0.2)
    return traced(b, run)


@row
def trace_of_a_transaction(b):
    def run(p):
        q = b.queue(p)
        p.call(2, "tx.select").take()
        b.publish(p, "", q, b"never", None, 2)
        time.sleep(0.3)
        p.call(2, "tx.rollback").take()
    return traced(b, run)


@row
def trace_redelivered(b):
    def run(p):
        q = b.queue(p)
        b.publish(p, "", q)
        p.call(1, "basic.get", 0, q, False).take(3)
        p.call(1, "basic.nack", 1, False, True)
        p.call(1, "basic.consume", 0, q, "c", False, False, False, False, {}).take(4)
        p.call(1, "basic.ack", 2, False)
    return traced(b, run)


@row
def trace_ends(b):
    def run(p):
        q = b.queue(p)
        b.publish(p, "", q)
        b.server.trace(False)
        b.publish(p, "", q)
        time.sleep(0.2)
    return traced(b, run)


# MARK: Events

@row
def event_queue(b):
    listener = b.listen("amq.rabbitmq.event", "queue.#")
    p = b.peer()
    for name, durable, exclusive, auto_delete, arguments in [
        ("t.ev.1", True, False, False, {"x-max-length": 5, "a": "b", "t": {"in": True}}),
        ("t.ev.2", False, True, True, {}),
    ]:
        p.call(1, "queue.declare", 0, name, False, durable, exclusive, auto_delete, False, arguments).take()
        p.call(1, "queue.declare", 0, name, False, durable, exclusive, auto_delete, False, arguments).take()
        p.call(1, "queue.delete", 0, name, False, False, False).take()
    return b.heard(listener)


@row
def event_exchange(b):
    listener = b.listen("amq.rabbitmq.event", "exchange.#")
    p = b.peer()
    p.call(1, "exchange.declare", 0, "x.ev", "headers", False, True, False, True, False, {"k": 1}).take()
    p.call(1, "exchange.delete", 0, "x.ev", False, False).take()
    return b.heard(listener)


@row
def event_binding(b):
    listener = b.listen("amq.rabbitmq.event", "binding.#")
    p = b.peer()
    q = b.queue(p)
    p.call(1, "queue.bind", 0, q, "amq.topic", "k.#", False, {"h": "v"}).take()
    p.call(1, "queue.bind", 0, q, "amq.topic", "k.#", False, {"h": "v"}).take()
    p.call(1, "exchange.bind", 0, "amq.fanout", "amq.direct", "e", False, {}).take()
    p.call(1, "queue.unbind", 0, q, "amq.topic", "k.#", {"h": "v"}).take()
    p.call(1, "exchange.unbind", 0, "amq.fanout", "amq.direct", "e", False, {}).take()
    return b.heard(listener)


@row
def event_binding_goes_with_its_ends(b):
    listener = b.listen("amq.rabbitmq.event", "binding.deleted")
    p = b.peer()
    q = b.queue(p)
    p.call(1, "exchange.declare", 0, "x.ev2", "direct", False, False, False, False, False, {}).take()
    p.call(1, "queue.bind", 0, q, "x.ev2", "1", False, {}).take()
    p.call(1, "exchange.delete", 0, "x.ev2", False, False).take()
    p.call(1, "queue.bind", 0, q, "amq.topic", "2", False, {}).take()
    p.call(1, "queue.delete", 0, q, False, False, False).take()
    return b.heard(listener)


@row
def event_consumer(b):
    listener = b.listen("amq.rabbitmq.event", "consumer.#")
    p = b.peer()
    q = b.queue(p)
    p.call(1, "basic.qos", 0, 7, False).take()
    p.call(1, "basic.consume", 0, q, "tag", False, False, True, False, {"x-priority": 3}).take()
    p.call(1, "basic.cancel", "tag", False).take()
    return b.heard(listener)


@row
def event_channel(b):
    listener = b.listen("amq.rabbitmq.event", "channel.#")
    p = b.peer()
    p.call(1, "channel.close", 200, "bye", 0, 0).take()
    return b.heard(listener)


@row
def event_connection(b):
    listener = b.listen("amq.rabbitmq.event", "connection.#")
    p = b.peer(channels=(), properties={"product": "probe", "number": 5})
    p.call(0, "connection.close", 200, "bye", 0, 0).take()
    p.close()
    return b.heard(listener)


@row
def event_login(b):
    listener = b.listen("amq.rabbitmq.event", "user.#")
    b.peer(channels=())
    wrong = Peer(b.server.port).login(password="wrong")
    wrong.take()
    wrong.close()
    return b.heard(listener)


@row
def event_policy(b):
    listener = b.listen("amq.rabbitmq.event", "#.policy.#")
    b.server.set_policy("p.ev", "^none", '{"max-length":5}')
    b.server.clear_policy("p.ev")
    return b.heard(listener, "policy.set", "policy.cleared")


@row
def event_operator_policy(b):
    listener = b.listen("amq.rabbitmq.event", "#.policy.#")
    b.server.set_policy("p.ev", "^none", '{"max-length":5}', True)
    b.server.clear_policy("p.ev", True)
    return b.heard(listener, "policy.set", "operator.policy.cleared")


@row
def event_limits(b):
    listener = b.listen("amq.rabbitmq.event", "*.limits.#")
    b.server.set_limit("vhost", "max-queues", 500)
    b.server.clear_limits("vhost")
    b.server.set_limit("user", "max-channels", 500)
    b.server.clear_limits("user")
    return b.heard(listener)


# MARK: Log lines

@row
def log_line_of_a_refused_login(b):
    listener = b.listen("amq.rabbitmq.log", "error")
    wrong = Peer(b.server.port).login(password="wrong")
    wrong.take()
    wrong.close()
    return [re.sub(r"header \d+|1 body .*", "…", line) for line in b.heard(listener)]


@row
def log_exchange_is_there(b):
    p = b.peer()
    p.call(1, "exchange.declare", 0, "amq.rabbitmq.log", "topic", False, True, False, True, False, {})
    p.call(1, "exchange.declare", 0, "amq.rabbitmq.event", "topic", False, True, False, True, False, {})
    p.call(1, "exchange.declare", 0, "amq.rabbitmq.trace", "topic", False, True, False, True, False, {})
    p.call(1, "exchange.declare", 0, "amq.rabbitmq.log", "topic", False, True, False, False, False, {})
    return p.take(4)


@row
def log_exchange_takes_no_publishes(b):
    p = b.peer()
    b.publish(p, "amq.rabbitmq.log", "info")
    return p.take()


def run_row(server, name):
    bench = Bench(server, name)
    try:
        return ROWS[name](bench)
    except Exception as error:
        return [f"the row failed: {type(error).__name__}: {error}"]
    finally:
        bench.finish()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("scenario", nargs="?", default="table", choices=["table"])
    options.add_argument("--list", action="store_true", help="names of the scenarios, for the test runner")
    options.add_argument("--rabbitmq", action="store_true")
    options.add_argument("--record", action="store_true")
    options.add_argument("--only", default="")
    options = options.parse_args()
    if options.list:
        print("table")
        return 0
    with tempfile.TemporaryDirectory(prefix="taskd-administration-") as folder:
        server = (RabbitMQ if options.rabbitmq else Taskd)(folder)
        try:
            seen = {name: run_row(server, name) for name in ROWS if options.only in name}
        finally:
            server.stop()
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    if options.record:
        expected.update(seen)
        EXPECTED.write_text(json.dumps({n: expected[n] for n in ROWS if n in expected}, indent=1, ensure_ascii=False) + "\n")
        print(f"recorded {len(seen)} rows")
        return 0
    if not options.rabbitmq:
        expected.update(OWN)
    wrong = 0
    for name, got in seen.items():
        if options.only:
            print(name, *got, sep="\n    ")
        if got != expected.get(name):
            wrong += 1
            print(f"--- {name}")
            for line in expected.get(name, ["(not recorded)"]):
                print(f"    expected {line}")
            for line in got:
                print(f"    got      {line}")
    print(f"{len(seen) - wrong} of {len(seen)} rows as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
