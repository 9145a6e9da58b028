"""The behaviour table: what an AMQP broker answers to exact bytes, row by row.

    amqp_protocol.py --port 5673 --record     writes what that server does into amqp_protocol.json
    amqp_protocol.py --port 5672              compares with the file; exit code 1 on a difference
    amqp_protocol.py --port 5673 --recorded   compares with what was recorded, our own rows too
    amqp_protocol.py --port 5672 --only NAME  the rows whose name contains NAME, shown in full

The file was recorded from RabbitMQ 3.10.8 with its plugins rabbitmq_consistent_hash_exchange, rabbitmq_random_exchange
and rabbitmq_sharding. Rows in `OWN` are ours on purpose and hold their own answer.
Without --port the server is that of TEST_AMQP_URL, as for the other client programs.
Every row opens its own connections and uses names of its own, so rows run side by side and in any order.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import struct
import sys
import time
import urllib.parse

from amqp_wire import Peer, Reader, Typed, content, encode_table, frame, header, method

ROWS = {}
EXPECTED = pathlib.Path(__file__).with_suffix(".json")

# Rows whose answer differs from the recorded one on purpose: name -> our answer, with the reason beside it.
CLOSED = "EOF at once"
OWN = {
    # RabbitMQ 4's limit of 20, which 3.13 does not have.
    "quorum_limit_by_default": ["basic.get-empty", "basic.get-empty"],
    # After close-ok the client has two seconds to end the connection; RabbitMQ gives it thirty.
    "close_is_answered": ["0 connection.close-ok", "EOF after about 2 s"],
    "close_with_code_0": ["0 connection.close-ok", "EOF after about 2 s"],
    # Nobody waits for ever for close-ok: ten seconds, then the socket goes.
    "channel_method_before_open": [
        '0 connection.close 505 "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>" 0 0', "still open"],
    "close_before_open": [
        '0 connection.close 504 "CHANNEL_ERROR - unexpected method in connection state opening" 10 50',
        "EOF after about 10 s"],
    # RabbitMQ tells names that are atoms of its own from others.
    "exchange_declare_empty_type": [
        '0 connection.close 503 "COMMAND_INVALID - unknown exchange type \'\'" 40 10'],
    # A table with an unknown value type: told, where RabbitMQ drops the socket.
    "method_bad_table": ['0 connection.close 501 "FRAME_ERROR - cannot decode a field table" 50 10', CLOSED],
    # Content that is malformed is told at once, where RabbitMQ waits for more or fails inside.
    "server_method_from_client": ['0 connection.close 503 "COMMAND_INVALID - unimplemented method" 60 60', CLOSED],
    "content_body_too_long": [
        '0 connection.close 501 "FRAME_ERROR - content body is longer than the 3 octets announced" 60 40', CLOSED],
    "content_header_truncated": [
        '0 connection.close 501 "FRAME_ERROR - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,3>>: unknown_frame" 0 0',
        CLOSED],
    "content_header_bad_properties": [
        '0 connection.close 501 "FRAME_ERROR - cannot decode the properties of a content header" 60 40', CLOSED],
    "content_header_flags_continued": [
        '0 connection.close 501 "FRAME_ERROR - cannot decode the properties of a content header" 60 40', CLOSED],
    "content_header_trailing_bytes": [
        '0 connection.close 501 "FRAME_ERROR - cannot decode the properties of a content header" 60 40', CLOSED],
    "content_header_bad_headers_table": [
        '0 connection.close 501 "FRAME_ERROR - cannot decode a field table" 60 40', CLOSED],
    # A body that is too large is refused when it is announced, not when it has come.
    "body_too_large": [
        '1 channel.close 406 "PRECONDITION_FAILED - message size 134217729 is larger than configured max size '
        '134217728" 60 40'],
    # RabbitMQ knows this argument since 3.12, and looks once a minute.
    "ack_timeout_of_a_queue": [
        '1 channel.close 406 "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: '
        '300 ms. This timeout value can be configured, see consumers doc guide to learn more" 0 0',
        "2 channel.open-ok \"\"", '2 basic.get-ok 1 1 "" "t.ack_timeout_of_a_queue" 0', "2 header 2", "2 body hi"],
    # The delayed-message plugin does not come with RabbitMQ: these follow its source.
    "delayed_without_type": [
        '1 channel.close 406 "PRECONDITION_FAILED - Invalid argument, \'x-delayed-type\' must be an existing exchange '
        'type" 40 10', "silence"],
    "delayed_type_is_a_number": [
        '1 channel.close 406 "PRECONDITION_FAILED - Invalid argument, \'x-delayed-type\' must be an existing exchange '
        'type" 40 10', "silence"],
    "delayed_twice": [
        '1 channel.close 406 "PRECONDITION_FAILED - Invalid argument, \'x-delayed-message\' can\'t be used for '
        '\'x-delayed-type\'" 40 10', "silence"],
    "delayed_unknown_type": ['0 connection.close 503 "COMMAND_INVALID - unknown exchange type \'x\'" 40 10', "silence"],
    "delayed_type_checks_its_arguments": [
        '1 channel.close 406 "PRECONDITION_FAILED - Unsupported property: app_id" 40 10', "silence"],
    "delayed_comes_later": [
        "1 confirm.select-ok", "1 basic.ack 1 0", '1 basic.get-empty ""',
        '1 basic.get-ok 1 0 "x.delayed_comes_later" "k" 0', "1 header 2 headers={'x-delay': -300}", "1 body hi"],
    "delayed_by_nothing": [
        '1 basic.get-ok 1 0 "x.delayed_by_nothing" "k" 0', "1 header 2 headers={'x-delay': 0}", "1 body hi"],
    # RabbitMQ fails inside over a number that has no digits, and over types that are no offset.
    "stream_argument_max_age_negative": [
        '1 channel.close 406 "PRECONDITION_FAILED - invalid arg \'x-max-age\' for queue \'t.stream.max_age_negative\' in '
        'vhost \'/\': invalid_max_age" 50 10'],
    "stream_offset_of_no_kind": [
        'channel.close 406 {invalid_stream_offset_arg,{longstr,<<"latest">>}}',
        'channel.close 406 {invalid_stream_offset_arg,{longstr,<<"">>}}',
        "channel.close 406 {invalid_stream_offset_arg,{bool,true}}",
        "channel.close 406 {invalid_stream_offset_arg,{double,1.5}}",
        "channel.close 406 {invalid_stream_offset_arg,{array,array}}", "1 queue.delete-ok 0"],
    # Since 3.12 and 3.13: these follow RabbitMQ's source.
    "stream_argument_filter_size_15": [
        '1 channel.close 406 "PRECONDITION_FAILED - Invalid value for  x-stream-filter-size-bytes" 50 10'],
    "stream_argument_filter_size_256": [
        '1 channel.close 406 "PRECONDITION_FAILED - Invalid value for  x-stream-filter-size-bytes" 50 10'],
    "stream_filter": ["0 a, 3 d", "1 b", "1 b, 2 c", "", "0 a, 1 b, 2 c, 3 d", "", "1 queue.delete-ok 0"],
    # Later versions give credit for a refusal; 3.10 loses it.
    "stream_settling_gives_credit_only": [
        '1 basic.deliver "c" 1 0 "" "t.stream_settling_gives_credit_only"', "1 header 1 headers={'x-stream-offset': 0}",
        "1 body a", '1 basic.deliver "c" 2 0 "" "t.stream_settling_gives_credit_only"',
        "1 header 1 headers={'x-stream-offset': 1}", "1 body b", "silence", "2 c", "3 d", "silence", "4 e", "silence",
        "5 f", "silence", "silence", "0 a", "1 b", "2 c", "3 d", "4 e", "5 f", "1 queue.delete-ok 0"],
    # 3.10 loses what is dead-lettered into a stream.
    "stream_as_dead_letter_target": [
        '1 basic.deliver "c" 1 0 "" "t.stream_as_dead_letter_target"',
        "1 header 4 headers={'x-death': [{'count': 1, 'reason': 'rejected', 'queue': "
        "'t.stream_as_dead_letter_target.classic', 'time': T, 'exchange': '', 'routing-keys': "
        "['t.stream_as_dead_letter_target.classic']}], 'x-first-death-exchange': '', 'x-first-death-queue': "
        "'t.stream_as_dead_letter_target.classic', 'x-first-death-reason': 'rejected', 'x-stream-offset': 0}",
        "1 body dead", "1 queue.delete-ok 0"],
    "body_too_large_by_far": [
        '1 channel.close 406 "PRECONDITION_FAILED - message size 9223372036854775807 is larger than configured max '
        'size 134217728" 60 40'],
}


def row(function):
    ROWS[function.__name__] = function
    return function


class Bench:
    """What a row gets: connections to the server under test, closed afterwards."""

    def __init__(self, port, name):
        self.port, self.name, self.peers = port, name, []

    def peer(self):
        self.peers.append(Peer(self.port))
        return self.peers[-1]

    def queue(self, peer, suffix="", channel=1, durable=False, exclusive=True, auto_delete=False, arguments=None):
        """Declares a queue named after the row, exclusive unless told otherwise; returns its name."""
        name = f"t.{self.name}{suffix}"
        peer.call(channel, "queue.declare", 0, name, False, durable, exclusive, auto_delete, False, arguments or {})
        answer = peer.take()
        assert answer == [f'{channel} queue.declare-ok "{name}" 0 0'], answer
        return name

    def exchange(self, peer, kind="direct", suffix="", channel=1, auto_delete=True, internal=False, arguments=None):
        name = f"x.{self.name}{suffix}"
        peer.call(channel, "exchange.declare", 0, name, kind, False, False, auto_delete, internal, False,
                  arguments or {})
        answer = peer.take()
        assert answer == [f"{channel} exchange.declare-ok"], answer
        return name

    def publish(self, peer, exchange, key, body=b"hi", properties=None, mandatory=False, channel=1):
        peer.send(method(channel, "basic.publish", 0, exchange, key, mandatory, False)
                  + content(channel, body, properties))

    def finish(self):
        for peer in self.peers:
            peer.close()


# MARK: Protocol header and start

def bad_header(bytes_sent):
    def run(b):
        p = b.peer().send(bytes_sent)
        return [repr(p.raw_bytes(8))] + p.end()
    return run


for label, raw in {
    "http": b"GET / HTTP/1.1\r\n\r\n", "amqp_1_0": b"AMQP\x00\x01\x00\x00", "amqp_0_9_0": b"AMQP\x00\x00\x09\x00",
    "amqp_0_10": b"AMQP\x01\x01\x00\x0a", "eight_zero_bytes": bytes(8), "amqp_future": b"AMQP\x00\x00\x0a\x00",
}.items():
    if label != "amqp_1_0":
        ROWS[f"header_{label}"] = bad_header(raw)


@row
def header_0_9_is_taken(b):
    p = b.peer().send(b"AMQP\x01\x01\x00\x09")
    got = p.frame()
    return [str(got[0]), str(got[1]), str(struct.unpack(">HH", got[2][:4]))]


@row
def header_in_pieces(b):
    p = b.peer()
    for byte in b"AMQP\x00\x00\x09\x01":
        p.send(bytes([byte]))
        time.sleep(0.02)
    return [str(p.frame()[2][:4])]


@row
def start_says(b):
    p = b.peer()
    kind, channel, payload = p.greet()
    major, minor, table, mechanisms, locales = Reader(payload[4:]).arguments("ooTSS")
    return [f"{channel} {major}-{minor}", " ".join(sorted(mechanisms.split())), locales, table["product"],
            "version " + ".".join(table["version"].split(".")[:1]),
            *[f"{k} {v}" for k, v in sorted(table["capabilities"].items())]]


@row
def start_ok_unknown_mechanism(b):
    p = b.peer()
    p.greet()
    p.reset_clock()
    p.call(0, "connection.start-ok", {}, "SCRAM", "x", "en_US")
    return p.end()


def bad_login(**login):
    def run(b):
        p = b.peer()
        p.login(**login)
        p.reset_clock()
        return p.end()
    return run


ROWS["login_bad_password"] = bad_login(password="wrong")
ROWS["login_bad_password_no_capability"] = bad_login(password="wrong", capabilities={})
ROWS["login_unknown_user"] = bad_login(user="nobody")
ROWS["login_empty_user"] = bad_login(user="", password="")
ROWS["login_ok_is_tuned"] = lambda b: b.peer().login().take()


def raw_response(mechanism, response, capability=True):
    def run(b):
        p = b.peer()
        p.greet()
        p.reset_clock()
        p.call(0, "connection.start-ok", {"capabilities": {"authentication_failure_close": capability}}, mechanism,
               response, "en_US")
        seen = p.take(timeout=1)
        return seen if seen[0] != "silence" else p.end()
    return run


ROWS["plain_with_authorization_identity"] = raw_response("PLAIN", b"other\0guest\0guest")
ROWS["plain_malformed"] = raw_response("PLAIN", b"guest")
ROWS["plain_empty"] = raw_response("PLAIN", b"")
ROWS["plain_extra_zero"] = raw_response("PLAIN", b"\0guest\0guest\0")
ROWS["plain_lower_case_name"] = raw_response("plain", b"\0guest\0guest", capability=False)
ROWS["amqplain"] = raw_response("AMQPLAIN", encode_table({"LOGIN": "guest", "PASSWORD": "guest"}, prefixed=False))
ROWS["amqplain_wrong"] = raw_response("AMQPLAIN", encode_table({"LOGIN": "guest", "PASSWORD": "x"}, prefixed=False))
ROWS["amqplain_no_password"] = raw_response("AMQPLAIN", encode_table({"LOGIN": "guest"}, prefixed=False))
ROWS["amqplain_prefixed"] = raw_response("AMQPLAIN", encode_table({"LOGIN": "guest", "PASSWORD": "guest"}),
                                         capability=False)
ROWS["amqplain_garbage"] = raw_response("AMQPLAIN", b"\x07garbage", capability=False)
ROWS["amqplain_lower_case_keys"] = raw_response(
    "AMQPLAIN", encode_table({"login": "guest", "password": "guest"}, prefixed=False))


@row
def before_start_ok_other_method(b):
    p = b.peer()
    p.greet()
    p.reset_clock()
    p.call(0, "connection.open", "/", "", False)
    return p.end()


@row
def before_start_ok_channel_method(b):
    p = b.peer()
    p.greet()
    p.reset_clock()
    p.call(1, "channel.open", "")
    return p.end()


@row
def before_start_ok_close(b):
    p = b.peer()
    p.greet()
    p.reset_clock()
    p.call(0, "connection.close", 200, "", 0, 0)
    return p.end()


@row
def before_authentication_large_frame(b):
    p = b.peer()
    p.greet()
    p.reset_clock()
    p.call(0, "connection.start-ok", {"pad": "x" * 9000}, "PLAIN", "\0guest\0guest", "en_US")
    return p.end()


@row
def before_authentication_4000_octets(b):
    p = b.peer()
    p.login(properties={"pad": "x" * 3800})
    return p.take()


# MARK: Tune

def tune(channel_max=2047, frame_max=131072, heartbeat=0):
    def run(b):
        p = b.peer()
        p.login()
        p.frame()
        p.reset_clock()
        p.call(0, "connection.tune-ok", channel_max, frame_max, heartbeat)
        p.call(0, "connection.open", "/", "", False)
        got = p.take(1, timeout=6)
        return got if got != ["EOF"] else [f"EOF after about {round(time.monotonic() - p.started)} s"]
    return run


ROWS["tune_as_proposed"] = tune()
ROWS["tune_smaller"] = tune(10, 4096, 5)
ROWS["tune_channel_max_0"] = tune(channel_max=0)
ROWS["tune_channel_max_above"] = tune(channel_max=2048)
ROWS["tune_frame_max_0"] = tune(frame_max=0)
ROWS["tune_frame_max_above"] = tune(frame_max=131073)
ROWS["tune_frame_max_small"] = tune(frame_max=4095)
ROWS["tune_heartbeat_large"] = tune(heartbeat=65535)


@row
def tune_skipped(b):
    p = b.peer()
    p.login()
    p.frame()
    p.reset_clock()
    p.call(0, "connection.open", "/", "", False)
    return p.end()


@row
def heartbeat_before_tune_ok(b):
    p = b.peer()
    p.login()
    p.frame()
    p.send(frame(8, 0, b""))
    p.call(0, "connection.tune-ok", 2047, 131072, 0)
    p.call(0, "connection.open", "/", "", False)
    return p.take()


@row
def heartbeats_come_at_half_the_interval(b):
    p = b.peer().open(heartbeat=2)
    p.reset_clock()
    first = p.take(1, timeout=4)
    return first + ["within 1.6 s" if time.monotonic() - p.started < 1.6 else "late"]


@row
def heartbeat_missed_cuts(b):
    p = b.peer().open(heartbeat=1)
    p.reset_clock()
    seen = p.end(timeout=10)
    took = time.monotonic() - p.started
    return [seen[0], "cut between 1.5 and 3.6 s" if 1.5 <= took <= 3.6 else f"cut after {took:.1f} s",
            "no close method" if not any("close" in s for s in seen) else "close method"]


# MARK: Open and close of connections

def open_vhost(vhost):
    def run(b):
        p = b.peer().tuned()
        p.reset_clock()
        p.call(0, "connection.open", vhost, "", False)
        seen = p.take()
        if "close" in seen[0]:
            p.call(0, "connection.close-ok")
            seen += p.end()
        return seen
    return run


ROWS["open_unknown_vhost"] = open_vhost("nowhere")
ROWS["open_empty_vhost"] = open_vhost("")


@row
def open_unknown_vhost_unanswered(b):
    p = b.peer().tuned()
    p.call(0, "connection.open", "nowhere", "", False)
    return p.take() + p.quiet(2)


@row
def open_with_insist(b):
    p = b.peer().tuned()
    p.call(0, "connection.open", "/", "capabilities", True)
    return p.take()


@row
def open_twice(b):
    p = b.peer().open(channels=())
    p.call(0, "connection.open", "/", "", False)
    return p.rest()


@row
def channel_method_before_open(b):
    p = b.peer().tuned()
    p.reset_clock()
    p.call(1, "channel.open", "")
    return p.end(timeout=5)


@row
def close_is_answered(b):
    p = b.peer().open()
    p.reset_clock()
    p.call(0, "connection.close", 200, "bye", 0, 0)
    return p.take() + p.end()


@row
def close_with_code_0(b):
    p = b.peer().open()
    p.call(0, "connection.close", 0, "", 0, 0)
    return p.take() + p.end()


@row
def close_before_open(b):
    p = b.peer().tuned()
    p.reset_clock()
    p.call(0, "connection.close", 200, "", 0, 0)
    return p.take() + p.end()


@row
def close_before_tune_ok(b):
    p = b.peer()
    p.login()
    p.frame()
    p.reset_clock()
    p.call(0, "connection.close", 200, "", 0, 0)
    return p.end()


@row
def after_error_everything_but_close_ok_is_ignored(b):
    p = b.peer().open(channels=())
    p.call(1, "basic.qos", 0, 1, False)
    seen = p.take()
    p.call(1, "channel.open", "")
    p.call(0, "connection.open", "/", "", False)
    seen += p.quiet(0.5)
    p.reset_clock()
    p.call(0, "connection.close-ok")
    return seen + p.end()


@row
def close_while_closing(b):
    p = b.peer().open(channels=())
    p.call(1, "basic.qos", 0, 1, False)
    seen = p.take()
    p.call(0, "connection.close", 200, "", 0, 0)
    return seen + p.rest()


@row
def update_secret_of_plain(b):
    p = b.peer().open()
    p.call(0, "connection.update-secret", "new", "because")
    return p.rest(0.6)


@row
def start_ok_when_open(b):
    p = b.peer().open()
    p.call(0, "connection.start-ok", {}, "PLAIN", "\0guest\0guest", "en_US")
    return p.rest(0.6)


@row
def close_ok_unasked(b):
    p = b.peer().open()
    p.call(0, "connection.close-ok")
    return p.rest(0.6)


@row
def tune_ok_when_open(b):
    p = b.peer().open()
    p.call(0, "connection.tune-ok", 2047, 131072, 0)
    return p.rest(0.6)


# MARK: Framing

def framing(raw, channels=(1,), close_ok=True):
    def run(b):
        p = b.peer().open(channels=channels)
        p.send(raw)
        p.reset_clock()
        seen = p.take(1, timeout=4)
        if close_ok and "connection.close" in seen[0]:
            p.call(0, "connection.close-ok")
            seen += p.end()
        elif seen == ["EOF"]:
            seen = p.end()
        return seen
    return run


QOS = struct.pack(">HHIHB", 60, 10, 0, 1, 0)
ROWS["frame_end_wrong"] = framing(frame(1, 1, QOS, end=0xCD))
ROWS["frame_end_wrong_channel_0"] = framing(frame(8, 0, b"", end=0))
ROWS["frame_type_unknown"] = framing(frame(7, 1, b"abc"))
ROWS["frame_type_unknown_channel_0"] = framing(frame(7, 0, b"abc"))
ROWS["frame_type_unknown_on_closed_channel"] = framing(frame(9, 5, b"abc"))
ROWS["frame_type_oob_methods"] = framing(frame(4, 1, b"abc"))
ROWS["frame_too_large"] = framing(frame(3, 1, b"x" * (131072 + 1)))
ROWS["frame_too_large_method"] = framing(struct.pack(">BHI", 1, 1, 131072 + 200))
ROWS["frame_4_gib"] = framing(struct.pack(">BHI", 1, 1, 0xFFFFFFFF))
ROWS["frame_too_large_heartbeat"] = framing(struct.pack(">BHI", 8, 0, 200000))
ROWS["method_truncated"] = framing(frame(1, 1, QOS[:-2]))
ROWS["method_truncated_ids"] = framing(frame(1, 1, b"\0\x3c\0"))
ROWS["method_empty"] = framing(frame(1, 1, b""))
ROWS["method_trailing_bytes"] = framing(frame(1, 1, QOS + b"xyz"))
ROWS["method_unknown"] = framing(frame(1, 1, struct.pack(">HH", 60, 99)))
ROWS["class_unknown"] = framing(frame(1, 1, struct.pack(">HH", 99, 10)))
ROWS["class_unknown_channel_0"] = framing(frame(1, 0, struct.pack(">HH", 99, 10)))
ROWS["method_bad_table"] = framing(
    frame(1, 1, struct.pack(">HHH", 50, 10, 0) + b"\x01q\x00" + struct.pack(">I", 3) + b"\x01a?"))
ROWS["method_table_too_long"] = framing(
    frame(1, 1, struct.pack(">HHH", 50, 10, 0) + b"\x01q\x00" + struct.pack(">I", 300) + b"\x01at\x01"))
ROWS["server_method_from_client"] = framing(method(1, "basic.deliver", "t", 1, False, "", "k"))
ROWS["server_method_from_client_ok"] = framing(method(1, "queue.declare-ok", "q", 1, 2))
ROWS["channel_0_channel_open"] = framing(method(0, "channel.open", ""))
ROWS["channel_0_basic_qos"] = framing(method(0, "basic.qos", 0, 1, False))
ROWS["channel_0_body"] = framing(frame(3, 0, b"abc"))
ROWS["channel_0_header"] = framing(header(0, 3))
ROWS["channel_1_connection_method"] = framing(method(1, "connection.open", "/", "", False))
ROWS["channel_1_connection_close"] = framing(method(1, "connection.close", 200, "", 0, 0))
ROWS["heartbeat_on_channel_1"] = framing(frame(8, 1, b"") + method(1, "basic.qos", 0, 1, False))
ROWS["heartbeat_on_closed_channel"] = framing(frame(8, 9, b"") + method(1, "basic.qos", 0, 1, False))
ROWS["heartbeat_with_payload"] = framing(frame(8, 0, b"abc") + method(1, "basic.qos", 0, 1, False))
ROWS["closed_channel_method"] = framing(method(5, "basic.qos", 0, 1, False))
ROWS["closed_channel_header"] = framing(header(5, 3))
ROWS["closed_channel_body"] = framing(frame(3, 5, b"abc"))
ROWS["closed_channel_close"] = framing(method(5, "channel.close", 200, "", 0, 0))
ROWS["closed_channel_close_ok"] = framing(method(5, "channel.close-ok"))
ROWS["channel_open_twice"] = framing(method(1, "channel.open", ""))
ROWS["channel_above_channel_max_number"] = framing(method(65535, "channel.open", ""))
ROWS["content_header_without_publish"] = framing(header(1, 3))
ROWS["content_body_without_publish"] = framing(frame(3, 1, b"abc"))
PUBLISH = method(1, "basic.publish", 0, "", "t.nobody", False, False)
ROWS["content_body_before_header"] = framing(PUBLISH + frame(3, 1, b"abc"))
ROWS["content_method_instead_of_header"] = framing(PUBLISH + method(1, "basic.qos", 0, 1, False))
ROWS["content_method_instead_of_body"] = framing(PUBLISH + header(1, 3) + method(1, "basic.qos", 0, 1, False))
ROWS["content_header_twice"] = framing(PUBLISH + header(1, 3) + header(1, 3))
ROWS["content_header_other_class"] = framing(PUBLISH + header(1, 3, class_id=50))
ROWS["content_body_too_long"] = framing(PUBLISH + header(1, 3) + frame(3, 1, b"abcd"))
ROWS["content_header_truncated"] = framing(PUBLISH + frame(2, 1, struct.pack(">HHQ", 60, 0, 3)))
ROWS["content_header_bad_properties"] = framing(PUBLISH + frame(2, 1, struct.pack(">HHQH", 60, 0, 0, 0x8000) + b"\xffab"))
ROWS["content_header_flags_continued"] = framing(PUBLISH + frame(2, 1, struct.pack(">HHQH", 60, 0, 0, 0x0001) + b"\0\0"))
ROWS["content_header_trailing_bytes"] = framing(PUBLISH + frame(2, 1, struct.pack(">HHQH", 60, 0, 0, 0) + b"zz"))
ROWS["content_header_weight"] = framing(
    PUBLISH + frame(2, 1, struct.pack(">HHQH", 60, 7, 0, 0)) + method(1, "basic.qos", 0, 1, False))
ROWS["content_header_bad_headers_table"] = framing(
    PUBLISH + frame(2, 1, struct.pack(">HHQH", 60, 0, 0, 0x2000) + struct.pack(">I", 4) + b"\x01a?x"))
ROWS["body_too_large"] = framing(PUBLISH + header(1, 134217729))
ROWS["body_too_large_by_far"] = framing(PUBLISH + header(1, 2**63))


@row
def frame_at_tolerance(b):
    p = b.peer().open()
    name = b.queue(p)
    p.send(method(1, "basic.publish", 0, "", name, False, False) + header(1, 131072)
           + frame(3, 1, b"x" * 131072))
    p.call(1, "basic.get", 0, name, True)
    return p.take(4)


@row
def frame_max_4096_tolerance(b):
    p = b.peer().open(frame_max=4096)
    p.send(PUBLISH + header(1, 4097) + frame(3, 1, b"x" * 4097))
    return p.take()


@row
def deliveries_are_cut_to_own_frame_max(b):
    p = b.peer().open()
    q = b.peer().open(frame_max=4096)
    name = b.queue(p, exclusive=False, auto_delete=True)
    q.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = q.take()
    b.publish(p, "", name, b"y" * 10000)
    return seen + q.take(5)


@row
def empty_body_frames(b):
    p = b.peer().open()
    name = b.queue(p)
    p.send(method(1, "basic.publish", 0, "", name, False, False) + header(1, 4)
           + frame(3, 1, b"") + frame(3, 1, b"ab") + frame(3, 1, b"") + frame(3, 1, b"cd"))
    p.call(1, "basic.get", 0, name, True)
    return p.take(3)


@row
def empty_body_frame_after_empty_body(b):
    p = b.peer().open()
    p.send(PUBLISH + header(1, 0) + frame(3, 1, b""))
    return p.take()


@row
def empty_message(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name, b"")
    p.call(1, "basic.get", 0, name, True)
    return p.take(2) + p.quiet()


@row
def contents_of_channels_interleave(b):
    p = b.peer().open(channels=(1, 2))
    name = b.queue(p)
    p.send(method(1, "basic.publish", 0, "", name, False, False) + method(2, "basic.publish", 0, "", name, False, False)
           + header(1, 4) + header(2, 4) + frame(3, 1, b"ab") + frame(3, 2, b"12") + frame(3, 2, b"34")
           + frame(3, 1, b"cd"))
    p.call(1, "basic.get", 0, name, True)
    p.call(1, "basic.get", 0, name, True)
    # Which of the two channels comes first is not said.
    return sorted(p.take(6))


@row
def bytes_one_at_a_time(b):
    p = b.peer().open()
    name = b.queue(p)
    for byte in (method(1, "basic.publish", 0, "", name, False, False) + content(1, b"slow") +
                 method(1, "basic.get", 0, name, True)):
        p.send(bytes([byte]))
    return p.take(3)


# MARK: Channels

@row
def channel_max_counts_open_channels(b):
    p = b.peer().open(channels=(), channel_max=2)
    p.call(10, "channel.open", "").call(20, "channel.open", "").call(30, "channel.open", "")
    return p.take(3)


@row
def channel_max_frees_on_close(b):
    p = b.peer().open(channels=(10, 20), channel_max=2)
    p.call(10, "channel.close", 200, "", 0, 0)
    seen = p.take()
    p.call(30, "channel.open", "")
    return seen + p.take()


@row
def channel_open_with_out_of_band(b):
    p = b.peer().open(channels=())
    p.call(1, "channel.open", "0")
    return p.take()


@row
def channel_close_is_answered(b):
    p = b.peer().open()
    p.call(1, "channel.close", 200, "bye", 0, 0)
    seen = p.take()
    p.call(1, "channel.open", "")
    return seen + p.take()


@row
def channel_close_then_method(b):
    p = b.peer().open()
    p.call(1, "channel.close", 200, "bye", 0, 0)
    seen = p.take()
    p.call(1, "basic.qos", 0, 1, False)
    return seen + p.take()


@row
def channel_error_discards_until_close_ok(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.absent", True, False, False, False, False, {})
    p.call(1, "basic.qos", 0, 1, False)
    p.call(1, "queue.declare", 0, "t.absent2", True, False, False, False, False, {})
    b.publish(p, "", "q")
    seen = p.take() + p.quiet()
    p.call(1, "channel.close-ok")
    p.call(1, "channel.open", "")
    return seen + p.take()


@row
def channel_error_crossing_close(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.absent", True, False, False, False, False, {})
    p.call(1, "channel.close", 200, "", 0, 0)
    seen = p.take(2)
    p.call(1, "channel.close-ok")
    p.call(1, "channel.open", "")
    return seen + p.take()


@row
def channel_error_crossing_close_reopen_at_once(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.absent", True, False, False, False, False, {})
    p.call(1, "channel.close", 200, "", 0, 0)
    seen = p.take(2)
    p.call(1, "channel.open", "")
    return seen + p.take()


@row
def channel_error_reopen_without_close_ok(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.absent", True, False, False, False, False, {})
    seen = p.take()
    p.call(1, "channel.open", "")
    return seen + p.take(1, timeout=1)


@row
def channel_error_leaves_others(b):
    p = b.peer().open(channels=(1, 2))
    p.call(1, "queue.declare", 0, "t.absent", True, False, False, False, False, {})
    p.call(2, "basic.qos", 0, 1, False)
    return sorted(p.take(2))


@row
def channel_pipelined_from_open(b):
    p = b.peer().open(channels=())
    p.send(method(1, "channel.open", "") + method(1, "basic.qos", 0, 1, False) + method(1, "confirm.select", False))
    return p.take(3)


@row
def channel_flow(b):
    p = b.peer().open()
    p.call(1, "channel.flow", True)
    seen = p.take()
    p.call(1, "channel.flow", False)
    return seen + p.take()


@row
def channel_flow_ok_unasked(b):
    p = b.peer().open()
    p.call(1, "channel.flow-ok", True)
    return p.take(1, timeout=1)


@row
def channel_close_ok_unasked(b):
    p = b.peer().open()
    p.call(1, "channel.close-ok")
    return p.take(1, timeout=1)


@row
def access_request(b):
    p = b.peer().open()
    p.call(1, "access.request", "/data", True, True, True, True, True)
    return p.take()


# MARK: Exchanges

def one_call(*calls, count=1, timeout=2):
    """A row that opens channel 1, sends the calls and shows the answers."""
    def run(b):
        p = b.peer().open()
        for name, *values in calls:
            p.call(1, name, *values)
        return p.take(count, timeout=timeout)
    return run


def declare_exchange(name, kind="direct", passive=False, durable=False, auto_delete=False, internal=False,
                     nowait=False, arguments=None):
    return ("exchange.declare", 0, name, kind, passive, durable, auto_delete, internal, nowait, arguments or {})


def declare_queue(name, passive=False, durable=False, exclusive=False, auto_delete=False, nowait=False,
                  arguments=None):
    return ("queue.declare", 0, name, passive, durable, exclusive, auto_delete, nowait, arguments or {})


ROWS["exchange_passive_absent"] = one_call(declare_exchange("x.absent", passive=True))
ROWS["exchange_passive_default"] = one_call(declare_exchange("", passive=True))
ROWS["exchange_passive_other_type"] = one_call(declare_exchange("amq.direct", "fanout", passive=True))
ROWS["exchange_declare_default"] = one_call(declare_exchange("", "direct", durable=True))
ROWS["exchange_declare_reserved"] = one_call(declare_exchange("amq.mine"))
ROWS["exchange_declare_builtin_same"] = one_call(declare_exchange("amq.direct", "direct", durable=True))
ROWS["exchange_declare_builtin_differently"] = one_call(declare_exchange("amq.direct", "fanout", durable=True))
ROWS["exchange_declare_unknown_type"] = one_call(declare_exchange("x.type", "x-unheard-of-kind"))
ROWS["exchange_declare_empty_type"] = one_call(declare_exchange("x.type", ""))
ROWS["exchange_delete_default"] = one_call(("exchange.delete", 0, "", False, False))
ROWS["exchange_delete_builtin"] = one_call(("exchange.delete", 0, "amq.direct", False, False))
ROWS["exchange_delete_absent"] = one_call(("exchange.delete", 0, "x.absent", False, False))
ROWS["exchange_bind_default"] = one_call(("exchange.bind", 0, "amq.direct", "", "k", False, {}))
ROWS["exchange_bind_absent_source"] = one_call(("exchange.bind", 0, "amq.direct", "x.absent", "k", False, {}))
ROWS["exchange_bind_absent_destination"] = one_call(("exchange.bind", 0, "x.absent", "amq.direct", "k", False, {}))
ROWS["exchange_bind_both_absent"] = one_call(("exchange.bind", 0, "x.absent1", "x.absent2", "k", False, {}))
ROWS["exchange_unbind_absent_binding"] = one_call(("exchange.unbind", 0, "amq.direct", "amq.topic", "kx", False, {}))
ROWS["exchange_unbind_default"] = one_call(("exchange.unbind", 0, "amq.direct", "", "k", False, {}))
ROWS["exchange_unbind_absent_source"] = one_call(("exchange.unbind", 0, "amq.direct", "x.absent", "k", False, {}))
ROWS["exchange_name_not_utf8"] = one_call(declare_exchange(b"x.\xff\xfe"))


@row
def exchange_declare_unequal(b):
    seen = []
    for other in (dict(kind="topic"), dict(durable=True), dict(auto_delete=False), dict(internal=True),
                  dict(arguments={"alternate-exchange": "amq.fanout"})):
        p = b.peer().open()
        name = b.exchange(p, suffix=str(len(seen)))
        settings = dict(kind="direct", auto_delete=True)
        settings.update(other)
        p.call(1, *declare_exchange(name, **settings))
        seen += p.take()
        q = b.peer().open()
        q.call(1, "exchange.delete", 0, name, False, False)
        q.take()
    return seen


@row
def exchange_alternate_unequal(b):
    p = b.peer().open()
    name = b.exchange(p, arguments={"alternate-exchange": "amq.fanout"})
    p.call(1, *declare_exchange(name, auto_delete=True, arguments={"alternate-exchange": "amq.topic"}))
    seen = p.take()
    p = b.peer().open()
    p.call(1, "exchange.delete", 0, name, False, False)
    return seen + p.take()


@row
def exchange_unknown_arguments_ignored(b):
    p = b.peer().open()
    name = b.exchange(p, arguments={"x-something": 1})
    p.call(1, *declare_exchange(name, auto_delete=True))
    seen = p.take()
    q = b.peer().open()
    q.call(1, "exchange.delete", 0, name, False, False)
    return seen + q.take()


@row
def exchange_delete_if_unused(b):
    p = b.peer().open()
    name = b.exchange(p, auto_delete=False)
    queue = b.queue(p)
    p.call(1, "queue.bind", 0, queue, name, "k", False, {})
    seen = p.take()
    p.call(1, "exchange.delete", 0, name, True, False)
    seen += p.take()
    q = b.peer().open()
    q.call(1, "exchange.delete", 0, name, False, False)
    return seen + q.take()


@row
def exchange_auto_delete_with_last_unbind(b):
    p = b.peer().open()
    name = b.exchange(p)
    queue = b.queue(p)
    p.call(1, "queue.bind", 0, queue, name, "k", False, {})
    p.call(1, "queue.unbind", 0, queue, name, "k", {})
    seen = p.take(2)
    p.call(1, *declare_exchange(name, passive=True))
    return seen + p.take()


@row
def exchange_auto_delete_with_queue(b):
    p = b.peer().open()
    name = b.exchange(p)
    queue = b.queue(p)
    p.call(1, "queue.bind", 0, queue, name, "k", False, {})
    p.call(1, "queue.delete", 0, queue, False, False, False)
    seen = p.take(2)
    p.call(1, *declare_exchange(name, passive=True))
    return seen + p.take()


@row
def exchange_internal_publish(b):
    p = b.peer().open()
    name = b.exchange(p, internal=True)
    b.publish(p, name, "k")
    seen = p.take()
    q = b.peer().open()
    q.call(1, "exchange.delete", 0, name, False, False)
    return seen + q.take()


@row
def exchange_bind_and_unbind(b):
    p = b.peer().open()
    name = b.exchange(p, "fanout")
    p.call(1, "exchange.bind", 0, name, "amq.direct", b.name, False, {})
    p.call(1, "exchange.unbind", 0, name, "amq.direct", b.name, False, {})
    seen = p.take(2)
    p.call(1, "exchange.delete", 0, name, False, False)
    return seen + p.take()


@row
def exchange_nowait(b):
    p = b.peer().open()
    p.call(1, *declare_exchange(f"x.{b.name}", nowait=True))
    p.call(1, "exchange.bind", 0, f"x.{b.name}", "amq.direct", b.name, True, {})
    p.call(1, "exchange.unbind", 0, f"x.{b.name}", "amq.direct", b.name, True, {})
    p.call(1, "exchange.delete", 0, f"x.{b.name}", False, True)
    p.call(1, "exchange.delete", 0, f"x.{b.name}", False, False)
    return p.take(2, timeout=0.6)


# MARK: Queues

ROWS["queue_passive_absent"] = one_call(declare_queue("t.absent", passive=True))
ROWS["queue_passive_empty"] = one_call(declare_queue("", passive=True))
ROWS["queue_passive_nowait_absent"] = one_call(declare_queue("t.absent", passive=True, nowait=True))
ROWS["queue_declare_reserved"] = one_call(declare_queue("amq.mine"))
ROWS["queue_bind_absent_queue"] = one_call(("queue.bind", 0, "t.absent", "amq.direct", "k", False, {}))
ROWS["queue_bind_no_last_queue"] = one_call(("queue.bind", 0, "", "amq.direct", "k", False, {}))
ROWS["queue_unbind_absent_queue"] = one_call(("queue.unbind", 0, "t.absent", "amq.direct", "k", {}))
ROWS["queue_purge_absent"] = one_call(("queue.purge", 0, "t.absent", False))
ROWS["queue_purge_no_last_queue"] = one_call(("queue.purge", 0, "", False))
ROWS["queue_delete_absent"] = one_call(("queue.delete", 0, "t.absent", False, False, False))
ROWS["queue_delete_no_last_queue"] = one_call(("queue.delete", 0, "", False, False, False))
ROWS["queue_get_absent"] = one_call(("basic.get", 0, "t.absent", False))
ROWS["queue_get_no_last_queue"] = one_call(("basic.get", 0, "", False))
ROWS["queue_consume_absent"] = one_call(("basic.consume", 0, "t.absent", "", False, False, False, False, {}))
ROWS["queue_consume_no_last_queue"] = one_call(("basic.consume", 0, "", "", False, False, False, False, {}))
for label, arguments in {
    "ttl_negative": {"x-message-ttl": -1}, "ttl_text": {"x-message-ttl": "10"}, "ttl_boolean": {"x-message-ttl": True},
    "ttl_float": {"x-message-ttl": 1.5}, "ttl_above": {"x-message-ttl": 2**32 * 1000 * 100},
    "expires_zero": {"x-expires": 0}, "expires_negative": {"x-expires": -5},
    "max_length_negative": {"x-max-length": -1}, "max_length_text": {"x-max-length": "7"},
    "max_length_bytes_negative": {"x-max-length-bytes": -1},
    "max_priority_negative": {"x-max-priority": -1}, "max_priority_256": {"x-max-priority": 256},
    "max_priority_text": {"x-max-priority": "5"}, "overflow_unknown": {"x-overflow": "explode"},
    "overflow_number": {"x-overflow": 5}, "queue_mode_unknown": {"x-queue-mode": "busy"},
    "queue_type_unknown": {"x-queue-type": "nothing"}, "queue_type_number": {"x-queue-type": 4},
    "dead_letter_exchange_number": {"x-dead-letter-exchange": 5},
    "dead_letter_key_alone": {"x-dead-letter-routing-key": "k"},
    "dead_letter_key_number": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": 9},
    "single_active_consumer_text": {"x-single-active-consumer": "yes"},
    "delivery_limit_classic": {"x-delivery-limit": 5},
}.items():
    ROWS[f"queue_argument_{label}"] = one_call(
        declare_queue(f"t.argument.{label}", exclusive=True, arguments=arguments))
ROWS["queue_quorum_exclusive"] = one_call(
    declare_queue("t.quorum.exclusive", durable=True, exclusive=True, arguments={"x-queue-type": "quorum"}))
ROWS["queue_quorum_transient"] = one_call(
    declare_queue("t.quorum.transient", arguments={"x-queue-type": "quorum"}))
ROWS["queue_quorum_priority"] = one_call(
    declare_queue("t.quorum.priority", durable=True, arguments={"x-queue-type": "quorum", "x-max-priority": 5}))


@row
def queue_server_named(b):
    p = b.peer().open()
    p.call(1, *declare_queue("", exclusive=True))
    name = p.next()[1][0]
    p.call(1, "queue.bind", 0, "", "amq.direct", "", False, {})
    seen = p.take()
    b.publish(p, "amq.direct", name)
    p.call(1, "basic.get", 0, "", True)
    seen += [s.replace(name, "NAME") for s in p.take(3)]
    p.call(1, *declare_queue("", exclusive=True))
    return [name[:8], str(len(name))] + seen + [str(p.next()[1][0] != name)]


@row
def queue_declare_unequal(b):
    seen = []
    base = dict(durable=False, exclusive=False, auto_delete=True)
    for other in (dict(durable=True), dict(auto_delete=False), dict(exclusive=True),
                  dict(arguments={"x-message-ttl": 5}), dict(arguments={"x-max-priority": 5}),
                  dict(arguments={"x-dead-letter-exchange": "amq.fanout"}), dict(arguments={"x-unknown": 5})):
        p = b.peer().open()
        name = b.queue(p, suffix=str(len(seen)), exclusive=False, auto_delete=True)
        p.call(1, *declare_queue(name, **dict(base, **other)))
        seen += p.take()
        p = b.peer().open()
        p.call(1, "queue.delete", 0, name, False, False, False)
        p.take()
    return seen


@row
def queue_declare_unequal_values(b):
    seen = []
    for first, other in (
            ({"x-message-ttl": 5}, {}), ({"x-message-ttl": 5}, {"x-message-ttl": 6}),
            ({"x-message-ttl": Typed("s", 5)}, {"x-message-ttl": Typed("l", 5)}),
            ({"x-dead-letter-exchange": "a"}, {"x-dead-letter-exchange": "b"}),
            ({"x-max-length": 5, "x-overflow": "drop-head"}, {"x-max-length": 5}),
            ({"x-single-active-consumer": True}, {}),
            ({"x-queue-mode": "lazy"}, {}), ({"x-queue-type": "classic"}, {}), ({}, {"x-queue-type": "classic"})):
        p = b.peer().open()
        name = b.queue(p, suffix=str(len(seen)), exclusive=True, arguments=first)
        p.call(1, *declare_queue(name, exclusive=True, arguments=other))
        seen += p.take()
    return seen


@row
def queue_exclusive_from_another_connection(b):
    p, seen = b.peer().open(), []
    name = b.queue(p)
    for call in (declare_queue(name, exclusive=True), declare_queue(name, passive=True), declare_queue(name),
                 ("queue.bind", 0, name, "amq.direct", "k", False, {}), ("queue.unbind", 0, name, "amq.direct", "k", {}),
                 ("queue.purge", 0, name, False), ("queue.delete", 0, name, False, False, False),
                 ("basic.get", 0, name, False), ("basic.consume", 0, name, "", False, False, False, False, {})):
        q = b.peer().open()
        q.call(1, *call)
        seen += q.take()
    return seen


@row
def queue_exclusive_goes_with_connection(b):
    p, q = b.peer().open(), b.peer().open()
    name = b.queue(p)
    p.close()
    for _ in range(50):
        q.call(1, *declare_queue(name, passive=True))
        seen = q.take()
        if "404" in seen[0]:
            return seen
        q.call(1, "channel.close-ok").call(1, "channel.open", "")
        q.take()
        time.sleep(0.05)
    return seen


@row
def queue_delete_if_unused_if_empty(b):
    p = b.peer().open(channels=(1, 2, 3))
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = p.take()
    p.call(2, "queue.delete", 0, name, True, False, False)
    seen += p.take()
    p.call(1, "basic.cancel", "c", False)
    seen += p.take()
    b.publish(p, "", name)
    time.sleep(0.3)
    p.call(1, *declare_queue(name, exclusive=True))
    seen += p.take()
    p.call(3, "queue.delete", 0, name, False, True, False)
    seen += p.take()
    p.call(1, "queue.delete", 0, name, False, False, False)
    return seen + p.take()


@row
def queue_purge_leaves_unacked(b):
    p = b.peer().open()
    name = b.queue(p)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    p.call(1, "basic.get", 0, name, False)
    seen = p.take(3)
    p.call(1, "queue.purge", 0, name, False)
    p.call(1, "basic.reject", 1, True)
    p.call(1, "queue.purge", 0, name, False)
    return seen + p.take(2)


@row
def queue_nowait(b):
    p = b.peer().open()
    name = f"t.{b.name}"
    p.call(1, *declare_queue(name, exclusive=True, nowait=True))
    p.call(1, "queue.bind", 0, name, "amq.direct", name, True, {})
    p.call(1, "queue.purge", 0, name, True)
    p.call(1, "basic.consume", 0, name, "c", False, True, False, True, {})
    b.publish(p, "amq.direct", name)
    seen = p.take(3)
    p.call(1, "basic.cancel", "c", True)
    p.call(1, "queue.unbind", 0, name, "amq.direct", name, {})
    p.call(1, "queue.delete", 0, name, False, False, True)
    p.call(1, "basic.qos", 0, 1, False)
    return seen + p.take(2)


@row
def queue_bind_unbind_missing_binding(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.unbind", 0, name, "amq.direct", "nope", {})
    p.call(1, "queue.bind", 0, name, "", "k", False, {})
    return p.take(2)


@row
def queue_bind_absent_exchange(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, "x.absent", "k", False, {})
    return p.take()


@row
def queue_unbind_absent_exchange(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.unbind", 0, name, "x.absent", "k", {})
    return p.take()


@row
def queue_unbind_default_exchange(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.unbind", 0, name, "", name, {})
    return p.take()


@row
def queue_bindings_differ_by_arguments(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, "amq.direct", name, False, {"a": 1})
    p.call(1, "queue.bind", 0, name, "amq.direct", name, False, {"a": 2})
    p.call(1, "queue.unbind", 0, name, "amq.direct", name, {"a": 1})
    seen = p.take(3)
    b.publish(p, "amq.direct", name)
    p.call(1, "basic.get", 0, name, True)
    return seen + p.take(3)


@row
def queue_bind_bad_x_match(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, "amq.headers", "", False, {"x-match": "some"})
    return p.take()


@row
def queue_bind_x_match_number(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, "amq.headers", "", False, {"x-match": 4})
    return p.take()


@row
def queue_auto_delete_with_last_consumer(b):
    p = b.peer().open()
    name = b.queue(p, exclusive=False, auto_delete=True)
    p.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = p.take()
    p.call(1, "basic.cancel", "c", False)
    seen += p.take()
    time.sleep(0.2)
    p.call(1, *declare_queue(name, passive=True))
    return seen + p.take()


@row
def queue_counts_in_declare_ok(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name)
    b.publish(p, "", name)
    p.call(1, "basic.get", 0, name, False)
    p.take(3)
    p.call(1, *declare_queue(name, passive=True))
    return p.take()


# MARK: Publish, confirm, return

@row
def publish_absent_exchange(b):
    p = b.peer().open()
    b.publish(p, "x.absent", "k")
    return p.take()


@row
def publish_immediate(b):
    p = b.peer().open()
    p.send(method(1, "basic.publish", 0, "", "k", False, True) + content(1, b"x"))
    return p.take(1, timeout=1)


@row
def publish_mandatory_unroutable(b):
    p = b.peer().open()
    b.publish(p, "amq.direct", "nobody", b"back", {"message_id": "m", "headers": {"a": 1}}, mandatory=True)
    return p.take(3)


@row
def publish_mandatory_unroutable_default(b):
    p = b.peer().open()
    b.publish(p, "", "t.nobody", b"back", mandatory=True)
    return p.take(3)


@row
def publish_return_precedes_ack(b):
    p = b.peer().open()
    p.call(1, "confirm.select", False)
    seen = p.take()
    b.publish(p, "", "t.nobody", b"back", mandatory=True)
    return seen + p.take(4)


@row
def publish_confirms(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "confirm.select", False)
    p.call(1, "confirm.select", False)
    seen = p.take(2)
    for _ in range(3):
        b.publish(p, "", name)
        seen += p.take()
    return seen


@row
def publish_confirm_select_nowait(b):
    p = b.peer().open()
    p.call(1, "confirm.select", True)
    b.publish(p, "", "t.nobody")
    return p.take()


@row
def publish_user_id(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name, properties={"user_id": "guest"})
    p.call(1, "basic.get", 0, name, True)
    seen = p.take(3)
    b.publish(p, "", name, properties={"user_id": "other"})
    return seen + p.take()


@row
def publish_bad_expiration(b):
    seen = []
    for expiration in ("soon", "-1", "1.5", "", "99999999999999", " 5"):
        p = b.peer().open()
        b.publish(p, "", "t.nobody", properties={"expiration": expiration})
        p.call(1, "basic.qos", 0, 1, False)
        seen += p.take()
    return seen


@row
def publish_cc_bcc(b):
    p = b.peer().open()
    one, two, three = (b.queue(p, suffix=s) for s in ("1", "2", "3"))
    b.publish(p, "", one, properties={"headers": {"CC": [two], "BCC": [three], "k": "v"}})
    seen = []
    for name in (one, two, three):
        p.call(1, "basic.get", 0, name, True)
        seen += p.take(3)
    return seen


@row
def publish_cc_no_list(b):
    p = b.peer().open()
    b.publish(p, "", "t.nobody", properties={"headers": {"CC": "text"}})
    return p.take()


@row
def publish_cc_with_number(b):
    p = b.peer().open()
    b.publish(p, "", "t.nobody", properties={"headers": {"CC": [5]}})
    p.call(1, "basic.qos", 0, 1, False)
    return p.take()


@row
def publish_delivery_mode_3(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name, properties={"delivery_mode": 3, "priority": 200})
    p.call(1, "basic.get", 0, name, True)
    return p.take(3)


@row
def publish_all_properties(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name, properties={
        "content_type": "a", "content_encoding": "b", "headers": {"n": None, "l": [1, "x", {"y": 2.5}], "t": True},
        "delivery_mode": 2, "priority": 5, "correlation_id": "c", "reply_to": "r", "expiration": "60000",
        "message_id": "m", "timestamp": 1234567890123, "type": "t", "app_id": "app", "cluster_id": "cl"})
    p.call(1, "basic.get", 0, name, True)
    return p.take(3)


@row
def publish_to_full_reject_publish(b):
    p = b.peer().open()
    name = b.queue(p, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    p.call(1, "confirm.select", False)
    seen = p.take()
    for _ in range(2):
        b.publish(p, "", name)
        seen += [answer[:14] for answer in p.take()]
    return seen


@row
def publish_priorities_clamped(b):
    p = b.peer().open()
    name = b.queue(p, arguments={"x-max-priority": 5})
    for body, priority in ((b"none", None), (b"3", 3), (b"9", 9), (b"5", 5), (b"0", 0)):
        b.publish(p, "", name, body, {} if priority is None else {"priority": priority})
    seen = []
    for _ in range(5):
        p.call(1, "basic.get", 0, name, True)
        seen.append(p.take(3)[2])
    return seen


# MARK: Consume, get, ack

@row
def consume_and_ack(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "tag", False, False, False, False, {})
    seen = p.take()
    b.publish(p, "", name)
    seen += p.take(3)
    p.call(1, "basic.ack", 1, False)
    p.call(1, "basic.cancel", "tag", False)
    return seen + p.take()


@row
def consume_server_named_tag(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "", False, True, False, False, {})
    tag = p.next()[1][0]
    return [tag[:9], str(len(tag))]


@row
def consume_duplicate_tag(b):
    p = b.peer().open()
    name = b.queue(p)
    seen = []
    for _ in range(2):
        p.call(1, "basic.consume", 0, name, "tag", False, True, False, False, {})
        seen += p.take()
    return seen


@row
def consume_exclusive_second(b):
    p = b.peer().open(channels=(1, 2))
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "a", False, True, True, False, {})
    seen = p.take()
    p.call(2, "basic.consume", 0, name, "b", False, True, False, False, {})
    return seen + p.take()


@row
def consume_exclusive_when_others(b):
    p = b.peer().open(channels=(1, 2))
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "a", False, True, False, False, {})
    seen = p.take()
    p.call(2, "basic.consume", 0, name, "b", False, True, True, False, {})
    return seen + p.take()


@row
def consume_bad_priority(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "a", False, True, False, False, {"x-priority": "high"})
    return p.take()


@row
def consume_no_ack_on_ack(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    b.publish(p, "", name)
    seen = p.take(4)
    p.call(1, "basic.ack", 1, False)
    return seen + p.take()


@row
def cancel_unknown_tag(b):
    p = b.peer().open()
    p.call(1, "basic.cancel", "nope", False)
    return p.take()


@row
def cancel_by_server_on_queue_delete(b):
    p, q = b.peer().open(), b.peer().open()
    name = b.queue(p, exclusive=False, auto_delete=True)
    q.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = q.take()
    p.call(1, "queue.delete", 0, name, False, False, False)
    return seen + p.take() + q.take()


@row
def qos_of_consumers_ends_that_of_the_channel(b):
    p = b.peer().open()
    name = b.queue(p)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    p.call(1, "basic.qos", 0, 1, True)
    p.call(1, "basic.qos", 0, 2, False)
    p.call(1, "basic.consume", 0, name, "c", False, False, False, False, {})
    return p.take(9) + p.quiet()


@row
def cancel_by_server_own_delete(b):
    p = b.peer().open()
    name = b.queue(p, exclusive=False)
    p.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = p.take()
    p.call(1, "queue.delete", 0, name, False, False, False)
    return seen + p.take() + p.take()


@row
def cancel_by_server_without_capability(b):
    p, q = b.peer().open(), b.peer().open(capabilities={})
    name = b.queue(p, exclusive=False, auto_delete=True)
    q.call(1, "basic.consume", 0, name, "c", False, True, False, False, {})
    seen = q.take()
    p.call(1, "queue.delete", 0, name, False, False, False)
    return seen + p.take() + q.quiet()


@row
def get_empty(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.get", 0, name, False)
    return p.take()


@row
def get_counts(b):
    p = b.peer().open()
    name = b.queue(p)
    for body in (b"1", b"2"):
        b.publish(p, "", name, body)
    p.call(1, "basic.get", 0, name, False)
    p.call(1, "basic.get", 0, name, False)
    return p.take(6)


@row
def ack_unknown_tag(b):
    p = b.peer().open()
    p.call(1, "basic.ack", 77, False)
    return p.take()


@row
def ack_twice(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name)
    p.call(1, "basic.get", 0, name, False)
    seen = p.take(3)
    p.call(1, "basic.ack", 1, False).call(1, "basic.ack", 1, False)
    return seen + p.take()


@row
def ack_zero_single(b):
    p = b.peer().open()
    p.call(1, "basic.ack", 0, False)
    return p.take()


@row
def ack_zero_multiple_empty(b):
    p = b.peer().open()
    p.call(1, "basic.ack", 0, True)
    p.call(1, "basic.qos", 0, 1, False)
    return p.take()


@row
def ack_multiple_unknown(b):
    p = b.peer().open()
    p.call(1, "basic.ack", 5, True)
    p.call(1, "basic.qos", 0, 1, False)
    return p.take()


@row
def ack_multiple_below_outstanding(b):
    p = b.peer().open()
    name = b.queue(p)
    for body in (b"1", b"2"):
        b.publish(p, "", name, body)
    p.call(1, "basic.get", 0, name, False).call(1, "basic.get", 0, name, False)
    p.take(6)
    p.call(1, "basic.ack", 1, False).call(1, "basic.ack", 1, True)
    return p.take(1, timeout=1)


@row
def nack_unknown_tag(b):
    p = b.peer().open()
    p.call(1, "basic.nack", 9, False, True)
    return p.take()


@row
def reject_unknown_tag(b):
    p = b.peer().open()
    p.call(1, "basic.reject", 9, True)
    return p.take()


@row
def nack_requeues_in_place(b):
    p = b.peer().open()
    name = b.queue(p)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    for _ in range(2):
        p.call(1, "basic.get", 0, name, False)
    p.take(6)
    p.call(1, "basic.nack", 0, True, True)
    seen = []
    for _ in range(3):
        p.call(1, "basic.get", 0, name, True)
        seen += p.take(3)
    return seen


@row
def channel_close_requeues_in_order(b):
    p = b.peer().open(channels=(1, 2))
    name = b.queue(p)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    p.call(1, "basic.consume", 0, name, "c", False, False, False, False, {})
    p.take(10)
    p.call(1, "channel.close", 200, "", 0, 0)
    seen = p.take()
    for _ in range(3):
        p.call(2, "basic.get", 0, name, True)
        seen += p.take(3)
    return seen


@row
def recover_requeue(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name)
    p.call(1, "basic.get", 0, name, False)
    seen = p.take(3)
    p.call(1, "basic.recover", True)
    seen += p.take()
    p.call(1, "basic.get", 0, name, False)
    return seen + p.take(3)


@row
def recover_async(b):
    p = b.peer().open()
    p.call(1, "basic.recover-async", True)
    p.call(1, "basic.qos", 0, 1, False)
    return p.take()


@row
def recover_without_requeue(b):
    p = b.peer().open()
    p.call(1, "basic.recover", False)
    return p.take()


@row
def qos_prefetch_size(b):
    p = b.peer().open()
    p.call(1, "basic.qos", 10, 1, False)
    return p.take()


@row
def qos_limits_later_consumers_only(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.consume", 0, name, "free", False, False, False, False, {})
    seen = p.take()
    p.call(1, "basic.qos", 0, 1, False)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    return seen + p.take(10)


@row
def qos_per_consumer(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.qos", 0, 1, False)
    p.call(1, "basic.consume", 0, name, "a", False, False, False, False, {})
    seen = p.take(2)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    seen += p.take(3) + p.quiet()
    p.call(1, "basic.ack", 1, False)
    return seen + p.take(3) + p.quiet()


@row
def qos_global_shared(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.qos", 0, 2, True)
    p.call(1, "basic.consume", 0, name, "a", False, False, False, False, {})
    p.call(1, "basic.consume", 0, name, "b", False, False, False, False, {})
    seen = p.take(3)
    for body in (b"1", b"2", b"3"):
        b.publish(p, "", name, body)
    seen += sorted(p.take(6)) + p.quiet()
    p.call(1, "basic.ack", 0, True)
    return seen + [p.take(3)[2]]


@row
def qos_ignored_by_get(b):
    p = b.peer().open()
    name = b.queue(p)
    p.call(1, "basic.qos", 0, 1, True)
    seen = p.take()
    for body in (b"1", b"2"):
        b.publish(p, "", name, body)
        p.call(1, "basic.get", 0, name, False)
    return seen + p.take(6)


# MARK: Transactions

ROWS["tx_commit_without_select"] = one_call(("tx.commit",))
ROWS["tx_rollback_without_select"] = one_call(("tx.rollback",))
ROWS["tx_then_confirm"] = one_call(("tx.select",), ("confirm.select", False), count=2)
ROWS["confirm_then_tx"] = one_call(("confirm.select", False), ("tx.select",), count=2)
ROWS["tx_select_twice"] = one_call(("tx.select",), ("tx.select",), count=2)


@row
def tx_publish_commit_rollback(b):
    p = b.peer().open(channels=(1, 2))
    name = b.queue(p)
    p.call(1, "tx.select")
    seen = p.take()
    b.publish(p, "", name, b"one")
    p.call(2, "basic.get", 0, name, True)
    seen += p.take()
    p.call(1, "tx.rollback")
    seen += p.take()
    b.publish(p, "", name, b"two")
    p.call(1, "tx.commit")
    seen += p.take()
    p.call(2, "basic.get", 0, name, True)
    return seen + p.take(3)


@row
def tx_return_precedes_commit_ok(b):
    p = b.peer().open()
    p.call(1, "tx.select")
    b.publish(p, "", "t.nobody", b"x", mandatory=True)
    seen = p.take() + p.quiet()
    p.call(1, "tx.commit")
    return seen + p.take(4)


@row
def tx_acks_survive_rollback(b):
    p = b.peer().open()
    name = b.queue(p)
    b.publish(p, "", name)
    p.call(1, "tx.select")
    p.call(1, "basic.get", 0, name, False)
    seen = p.take(4)
    p.call(1, "basic.ack", 1, False)
    p.call(1, "tx.rollback")
    p.call(1, "basic.ack", 1, False)
    p.call(1, "tx.commit")
    p.call(1, *declare_queue(name, passive=True))
    return seen + p.take(3)


@row
def tx_ack_unknown_tag(b):
    p = b.peer().open()
    p.call(1, "tx.select")
    p.call(1, "basic.ack", 5, False)
    return p.take(2, timeout=1)


@row
def tx_publish_absent_exchange(b):
    p = b.peer().open()
    p.call(1, "tx.select")
    b.publish(p, "x.absent", "k")
    return p.take(2, timeout=1)


# MARK: Dead letters, expiry, direct reply-to

@row
def dead_letter_by_reject(b):
    p = b.peer().open()
    target = b.queue(p, suffix=".dead")
    name = b.queue(p, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target})
    b.publish(p, "", name, b"x", {"headers": {"own": 1}})
    p.call(1, "basic.get", 0, name, False)
    p.take(3)
    p.call(1, "basic.reject", 1, False)
    time.sleep(0.2)
    p.call(1, "basic.get", 0, target, True)
    seen = p.take(3)
    return [re.sub(r"'time': \d+", "'time': N", s) for s in seen]


@row
def dead_letter_by_expiry(b):
    p = b.peer().open()
    target = b.queue(p, suffix=".dead")
    name = b.queue(p, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target})
    b.publish(p, "", name, b"x", {"expiration": "50"})
    time.sleep(0.4)
    p.call(1, "basic.get", 0, target, True)
    return [re.sub(r"'time': \d+", "'time': N", s) for s in p.take(3)]


@row
def dead_letter_by_max_length(b):
    p = b.peer().open()
    target = b.queue(p, suffix=".dead")
    name = b.queue(p, arguments={"x-max-length": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": target})
    b.publish(p, "", name, b"old")
    b.publish(p, "", name, b"new")
    time.sleep(0.3)
    p.call(1, "basic.get", 0, target, True)
    return [re.sub(r"'time': \d+", "'time': N", s) for s in p.take(3)]


@row
def direct_reply_to_needs_no_ack(b):
    p = b.peer().open()
    p.call(1, "basic.consume", 0, "amq.rabbitmq.reply-to", "r", False, False, False, False, {})
    return p.take()


@row
def direct_reply_to_second(b):
    p = b.peer().open()
    for tag in "ab":
        p.call(1, "basic.consume", 0, "amq.rabbitmq.reply-to", tag, False, True, False, False, {})
    return p.take(2)


@row
def direct_reply_to_publish_without_consumer(b):
    p = b.peer().open()
    b.publish(p, "", "t.nobody", properties={"reply_to": "amq.rabbitmq.reply-to"})
    return p.take()


@row
def direct_reply_to_passive(b):
    p = b.peer().open()
    p.call(1, *declare_queue("amq.rabbitmq.reply-to", passive=True))
    return p.take()


@row
def direct_reply_to_round_trip(b):
    p, q = b.peer().open(), b.peer().open()
    name = b.queue(q)
    p.call(1, "basic.consume", 0, "amq.rabbitmq.reply-to", "r", False, True, False, False, {})
    seen = p.take()
    b.publish(p, "", name, b"ask", {"reply_to": "amq.rabbitmq.reply-to"})
    q.call(1, "basic.get", 0, name, True)
    q.frame()
    reply_to = q.describe(q.frame()).split("reply_to=")[1]
    q.frame()
    b.publish(q, "", reply_to, b"answer")
    seen += [s.replace(reply_to, "REPLY-TO") for s in p.take(3)]
    p.call(1, "channel.close", 200, "", 0, 0)
    p.take()
    time.sleep(0.3)
    b.publish(q, "", reply_to, b"late", mandatory=True)
    return seen + [s.replace(reply_to, "REPLY-TO") for s in q.take(3)]


def quorum(b, peer, arguments=None, suffix=""):
    name = f"t.{b.name}{suffix}"
    peer.call(1, "queue.delete", 0, name, False, False, False).take()
    peer.call(1, "queue.declare", 0, name, False, True, False, False, False,
              {"x-queue-type": "quorum", **(arguments or {})})
    answer = peer.take()
    assert answer == [f'1 queue.declare-ok "{name}" 0 0'], answer
    return name


def come_back(b, peer, queue, times):
    """Gets the message and sends it back, so many times; what was got."""
    seen = []
    for number in range(1, times + 1):
        got = fetch(peer, queue)
        seen += [got[0].split(" ")[1]] + got[1:2]
        if len(got) > 1:
            peer.call(1, "basic.nack", int(got[0].split(" ")[2]), False, True)
    return seen


def fetch(peer, queue, tries=20, channel=1):
    """A message with its header, waited for: quorum queues pass on what they have at their leisure."""
    for _ in range(tries):
        peer.call(channel, "basic.get", 0, queue, False)
        got = peer.take()
        if "get-ok" in got[0]:
            return got + peer.take(2)
        time.sleep(0.1)
    return got


def without_time(lines):
    return [re.sub(r"'time': \d+", "'time': T", line) for line in lines]


@row
def quorum_counts_deliveries(b):
    p = b.peer().open()
    q = quorum(b, p)
    b.publish(p, "", q)
    return come_back(b, p, q, 3)


@row
def quorum_counts_deliveries_to_consumers(b):
    p = b.peer().open()
    q = quorum(b, p)
    b.publish(p, "", q)
    p.call(1, "basic.consume", 0, q, "c", False, False, False, False, {})
    seen = p.take(4)
    for tag in (1, 2):
        p.call(1, "basic.nack", tag, False, True)
        seen += p.take(3)
    return seen


@row
def quorum_limit_by_default(b):
    p = b.peer().open()
    q = quorum(b, p)
    b.publish(p, "", q)
    return come_back(b, p, q, 25)[-2:]


@row
def quorum_delivery_limit(b):
    p = b.peer().open()
    dead = b.queue(p, ".dead")
    q = quorum(b, p, {"x-delivery-limit": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    b.publish(p, "", q)
    return come_back(b, p, q, 3) + without_time(fetch(p, dead)[1:]) + p.call(1, "basic.get", 0, q, False).take()


@row
def quorum_delivery_limit_0(b):
    p = b.peer().open()
    q = quorum(b, p, {"x-delivery-limit": 0})
    b.publish(p, "", q)
    seen = come_back(b, p, q, 1)
    time.sleep(0.3)
    return seen + p.call(1, "basic.get", 0, q, False).take()


@row
def quorum_delivery_limit_negative(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.quorum_delivery_limit_negative", False, True, False, False, False,
           {"x-queue-type": "quorum", "x-delivery-limit": -1})
    return p.take()


@row
def quorum_limit_counts_lost_channels(b):
    p = b.peer().open(channels=(1, 2))
    q = quorum(b, p, {"x-delivery-limit": 1})
    b.publish(p, "", q)
    seen = []
    for _ in range(2):
        seen += fetch(p, q, channel=2)[1:2]
        p.call(2, "channel.close", 200, "", 0, 0).take()
        p.call(2, "channel.open", "").take()
        time.sleep(0.3)
    return seen + p.call(1, "basic.get", 0, q, False).take()


@row
def quorum_at_least_once_strategy(b):
    """With or without what it needs, which RabbitMQ only writes into its log."""
    p = b.peer().open()
    dead = b.queue(p, ".dead")
    seen = []
    for suffix, more in [(".1", {}), (".2", {"x-overflow": "reject-publish"})]:
        q = quorum(b, p, {
            "x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead, **more}, suffix)
        b.publish(p, "", q)
        got = fetch(p, q)
        p.call(1, "basic.reject", int(got[0].split(" ")[2]), False)
        seen += without_time(fetch(p, dead)[1:])
    return seen


@row
def quorum_unknown_strategy(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.quorum_unknown_strategy", False, True, False, False, False,
           {"x-queue-type": "quorum", "x-dead-letter-strategy": "sometimes"})
    return p.take()


@row
def quorum_overflow_to_dead_letters(b):
    p = b.peer().open()
    p.call(1, "queue.declare", 0, "t.quorum_overflow_to_dead_letters", False, True, False, False, False,
           {"x-queue-type": "quorum", "x-overflow": "reject-publish-dlx"})
    return p.take()


@row
def quorum_global_qos(b):
    p = b.peer().open()
    name = f"t.{b.name}"
    p.call(1, *declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"}))
    seen = p.take(1, timeout=15)
    p.call(1, "basic.qos", 0, 1, True)
    p.call(1, "basic.consume", 0, name, "c", False, False, False, False, {})
    seen += p.take(2)
    q = b.peer().open()
    q.call(1, "queue.delete", 0, name, False, False, False)
    q.take()
    return seen


@row
def quorum_delete_if_unused(b):
    p = b.peer().open()
    name = f"t.{b.name}"
    p.call(1, *declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"}))
    seen = p.take(1, timeout=15)
    p.call(1, "queue.delete", 0, name, True, False, False)
    seen += p.take()
    q = b.peer().open()
    q.call(1, "queue.delete", 0, name, False, False, False)
    q.take()
    return seen


# MARK: Routing

def routed(peer, bench, exchange, key, queues, headers=None):
    bench.publish(peer, exchange, key, properties={"headers": headers} if headers is not None else None)
    hit = []
    for label, name in queues:
        peer.call(1, "basic.get", 0, name, True)
        if "get-ok" in peer.take()[0]:
            peer.take(2)
            hit.append(label)
    return hit


@row
def route_topics(b):
    p = b.peer().open()
    exchange, queues, seen = b.exchange(p, "topic"), [], []
    for index, pattern in enumerate(("#", "*", "#.*", "a.*", "a.#", "*.b", "#.b.#", "a.*.c", "", "..")):
        name = b.queue(p, suffix=str(index))
        p.call(1, "queue.bind", 0, name, exchange, pattern, False, {})
        p.take()
        queues.append((pattern or "empty", name))
    for key in ("", "a", "a.b", "a.b.c", "b", "x.b.y", "..", ".", "a..c"):
        seen.append(f"{key!r}: {routed(p, b, exchange, key, queues)}")
    return seen


@row
def route_headers(b):
    p = b.peer().open()
    exchange, queues, seen = b.exchange(p, "headers"), [], []
    for index, arguments in enumerate((
            {"x-match": "all", "a": 1}, {"x-match": "all", "a": 1, "b": "x"}, {"x-match": "any", "a": 1, "b": "x"},
            {"x-match": "any"}, {"x-match": "all"}, {}, {"x-match": "all", "a": None}, {"x-match": "all", "a": "1"},
            {"x-match": "all", "x-a": 1}, {"x-match": "any", "x-a": 1}, {"x-match": "all-with-x", "x-a": 1},
            {"x-match": "any-with-x", "x-a": 1}, {"a": 1.0})):
        name = b.queue(p, suffix=str(index))
        p.call(1, "queue.bind", 0, name, exchange, "", False, arguments)
        p.take()
        queues.append((str(arguments), name))
    for headers in (None, {}, {"a": 1}, {"a": 2, "b": "x"}, {"a": 1, "b": "x"}, {"a": "1"}, {"x-a": 1},
                    {"a": Typed("l", 1)}):
        shown = "Typed" if headers and isinstance(headers.get("a"), Typed) else str(headers)
        seen.append(f"{shown}: {routed(p, b, exchange, 'k', queues, headers)}")
    return seen


@row
def route_alternate_exchange(b):
    p = b.peer().open()
    spare = b.exchange(p, "fanout", suffix=".spare", auto_delete=False)
    exchange = b.exchange(p, arguments={"alternate-exchange": spare}, auto_delete=False)
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, spare, "", False, {})
    seen = p.take()
    b.publish(p, exchange, "nowhere", mandatory=True)
    p.call(1, "basic.get", 0, name, True)
    seen += p.take(3)
    p.call(1, "exchange.delete", 0, exchange, False, False).call(1, "exchange.delete", 0, spare, False, False)
    return seen + p.take(2)


@row
def route_exchange_to_exchange_keeps_the_first(b):
    p = b.peer().open()
    outer, inner = b.exchange(p, suffix=".outer"), b.exchange(p, "fanout", suffix=".inner")
    name = b.queue(p)
    p.call(1, "exchange.bind", 0, inner, outer, "k", False, {})
    p.call(1, "queue.bind", 0, name, inner, "", False, {})
    seen = p.take(2)
    b.publish(p, outer, "k")
    p.call(1, "basic.get", 0, name, True)
    return seen + p.take(3)


@row
def route_same_queue_twice_is_one_copy(b):
    p = b.peer().open()
    exchange = b.exchange(p, "topic")
    name = b.queue(p)
    for pattern in ("a.#", "#.b"):
        p.call(1, "queue.bind", 0, name, exchange, pattern, False, {})
    seen = p.take(2)
    b.publish(p, exchange, "a.b")
    p.call(1, "basic.get", 0, name, True)
    return seen + p.take(3)


# MARK: Overflow

def overflow(mode, dead=True):
    """A queue with room for one message, and where what it refuses goes."""
    def run(b):
        p = b.peer().open()
        arguments = {"x-max-length": 1, "x-overflow": mode}
        spare = b.queue(p, suffix=".dead")
        if dead:
            arguments |= {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": spare}
        name = b.queue(p, arguments=arguments)
        p.call(1, "confirm.select", False)
        seen = p.take()
        for number in range(3):
            b.publish(p, "", name, body=b"m%d" % number, properties={"expiration": "60000"})
            # Whether one tag is nacked as one or as all up to it is the same here.
            seen += [re.sub(r"(basic.nack \d+).*", r"\1", line) for line in p.take(1)]
        p.rest(0.5)
        for queue in (name, spare, spare):
            p.call(1, "basic.get", 0, queue, True)
            seen += [re.sub(r"'time': \d+", "'time': T", line) for line in p.rest(0.3)]
        return seen
    return run


ROWS["overflow_reject_publish"] = overflow("reject-publish")
ROWS["overflow_reject_publish_dlx"] = overflow("reject-publish-dlx")
ROWS["overflow_reject_publish_dlx_without_exchange"] = overflow("reject-publish-dlx", dead=False)


@row
def overflow_reject_publish_dlx_of_a_dead_letter(b):
    p = b.peer().open()
    dead = b.queue(p, suffix=".dead")
    full = b.queue(p, suffix=".full", arguments={
        "x-max-length": 1, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead})
    source = b.queue(p, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": full})
    b.publish(p, "", full, body=b"first")
    b.publish(p, "", source, body=b"second")
    p.call(1, "basic.get", 0, source, False)
    seen = p.take(3)
    p.call(1, "basic.reject", 1, False)
    p.rest(0.5)
    for queue in (full, dead):
        p.call(1, "basic.get", 0, queue, True)
        got = p.rest(0.3)
        seen += [line for line in got if "header" not in line]
        deaths = [re.findall(r"'reason': '(\w+)'", line) for line in got if "header" in line]
        seen += [f"died of {deaths}"]
    return seen


@row
def overflow_in_a_transaction(b):
    p = b.peer().open()
    name = b.queue(p, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    p.call(1, "tx.select")
    seen = p.take()
    for number in range(2):
        b.publish(p, "", name, body=b"m%d" % number)
    p.call(1, "tx.commit")
    seen += p.take()
    p.call(1, "channel.close-ok").call(2, "channel.open", "")
    seen += p.take()
    p.call(2, "basic.get", 0, name, True)
    return seen + p.take(3)


# MARK: Exchanges that choose one binding

def declare_kind(kind, arguments):
    def run(b):
        p = b.peer().open()
        p.call(1, "exchange.declare", 0, f"x.{b.name}", kind, False, False, True, False, False, arguments)
        return p.rest(0.3)
    return run


for label, arguments in {
    "plain": {}, "header": {"hash-header": "h"}, "message_id": {"hash-property": "message_id"},
    "correlation_id": {"hash-property": "correlation_id"}, "timestamp": {"hash-property": "timestamp"},
    "unknown_property": {"hash-property": "app_id"}, "both": {"hash-header": "h", "hash-property": "message_id"},
}.items():
    ROWS[f"exchange_consistent_hash_{label}"] = declare_kind("x-consistent-hash", arguments)
ROWS["exchange_random"] = declare_kind("x-random", {})
ROWS["exchange_modulus_hash"] = declare_kind("x-modulus-hash", {})


def bind_by_weight(key):
    def run(b):
        p = b.peer().open()
        exchange, name = b.exchange(p, "x-consistent-hash"), b.queue(p)
        p.call(1, "queue.bind", 0, name, exchange, key, False, {})
        return p.rest(0.3)
    return run


for label, key in {
    "1": "1", "signed": "+2", "zero": "0", "negative": "-1", "empty": "", "word": "x", "fraction": "1.5", "space": "1 ",
}.items():
    ROWS[f"bind_weight_{label}"] = bind_by_weight(key)


@row
def exchange_redeclare_other_hash_header(b):
    p = b.peer().open()
    exchange = b.exchange(p, "x-consistent-hash", arguments={"hash-header": "a"})
    p.call(1, "exchange.declare", 0, exchange, "x-consistent-hash", False, False, True, False, False,
           {"hash-header": "b"})
    return p.rest(0.3)


@row
def exchange_redeclare_choosing_as_fanout(b):
    p = b.peer().open()
    exchange = b.exchange(p, "x-random")
    p.call(1, "exchange.declare", 0, exchange, "fanout", False, False, True, False, False, {})
    return p.rest(0.3)


def choosing(kind, properties):
    """How many of 20 messages arrive, in how many queues together, is all that is the same everywhere."""
    def run(b):
        p = b.peer().open()
        exchange = b.exchange(p, kind)
        names = [b.queue(p, suffix=f".{number}") for number in range(3)]
        for name in names:
            p.call(1, "queue.bind", 0, name, exchange, "1", False, {})
            assert p.take() == ["1 queue.bind-ok"]
        p.call(1, "confirm.select", False)
        seen = p.take()
        for number in range(20):
            b.publish(p, exchange, f"key {number}", properties=properties)
        p.rest(0.5)
        total = 0
        for name in names:
            p.call(1, "queue.declare", 0, name, True, False, False, False, False, {})
            total += int(p.take()[0].split()[-2])
        return seen + [f"{total} messages"]
    return run


for kind in ("x-random", "x-modulus-hash", "x-consistent-hash"):
    label = kind[2:].replace("-", "_")
    ROWS[f"route_{label}"] = choosing(kind, None)
    ROWS[f"route_{label}_with_copies"] = choosing(kind, {"headers": {"CC": ["a", "b"]}})


@row
def route_consistent_hash_missing_header(b):
    p = b.peer().open()
    exchange, name = b.exchange(p, "x-consistent-hash", arguments={"hash-header": "h"}), b.queue(p)
    p.call(1, "queue.bind", 0, name, exchange, "1", False, {})
    seen = p.take()
    b.publish(p, exchange, "k", mandatory=True)
    b.publish(p, exchange, "k", properties={"headers": {"h": 3}}, mandatory=True)
    seen += p.rest(0.3)
    p.call(1, "queue.declare", 0, name, True, False, False, False, False, {})
    return seen + p.take()


# MARK: Acknowledgement timeout

@row
def ack_timeout_of_a_queue(b):
    p = b.peer().open()
    name = b.queue(p, arguments={"x-consumer-timeout": 300})
    b.publish(p, "", name)
    p.call(1, "basic.get", 0, name, False)
    assert p.take(3)[2] == "1 body hi"
    seen = p.take(1, timeout=3)
    p.call(1, "channel.close-ok").call(2, "channel.open", "")
    seen += p.take(1)
    p.call(2, "basic.get", 0, name, True)
    return seen + p.take(3)


# MARK: Delayed messages

for label, arguments in {
    "without_type": {}, "type_is_a_number": {"x-delayed-type": 1}, "twice": {"x-delayed-type": "x-delayed-message"},
    "unknown_type": {"x-delayed-type": "x"},
    "type_checks_its_arguments": {"x-delayed-type": "x-consistent-hash", "hash-property": "app_id"},
}.items():
    ROWS[f"delayed_{label}"] = declare_kind("x-delayed-message", arguments)


def delayed(b, p):
    """A queue behind a delayed exchange."""
    exchange = b.exchange(p, "x-delayed-message", arguments={"x-delayed-type": "direct"})
    name = b.queue(p)
    p.call(1, "queue.bind", 0, name, exchange, "k", False, {})
    assert p.take() == ["1 queue.bind-ok"]
    return exchange, name


@row
def delayed_comes_later(b):
    p = b.peer().open()
    exchange, name = delayed(b, p)
    p.call(1, "confirm.select", False)
    seen = p.take()
    b.publish(p, exchange, "k", properties={"headers": {"x-delay": 300}}, mandatory=True)
    seen += p.take(1)
    p.call(1, "basic.get", 0, name, True)
    seen += p.take()
    time.sleep(0.5)
    p.call(1, "basic.get", 0, name, True)
    return seen + p.take(3)


@row
def delayed_by_nothing(b):
    p = b.peer().open()
    exchange, name = delayed(b, p)
    b.publish(p, exchange, "k", properties={"headers": {"x-delay": 0}})
    p.call(1, "basic.get", 0, name, True)
    return p.take(3)


# MARK: Streams

STREAM = {"x-queue-type": "stream"}
for label, arguments in {
    "ttl": {"x-message-ttl": 1000}, "expires": {"x-expires": 1000}, "max_length": {"x-max-length": 5},
    "max_priority": {"x-max-priority": 5}, "dead_letter_exchange": {"x-dead-letter-exchange": ""},
    "overflow": {"x-overflow": "drop-head"}, "single_active_consumer": {"x-single-active-consumer": True},
    "delivery_limit": {"x-delivery-limit": 5}, "queue_mode": {"x-queue-mode": "lazy"},
    "max_length_bytes_negative": {"x-max-length-bytes": -1}, "max_age_number": {"x-max-age": 5},
    "max_age_unit": {"x-max-age": "5x"}, "max_age_zero": {"x-max-age": "0s"}, "max_age_negative": {"x-max-age": "-1s"},
    "max_age_months": {"x-max-age": "1Mo"}, "max_age_no_unit": {"x-max-age": "5"},
    "segment_text": {"x-stream-max-segment-size-bytes": "5"},
    "segment_negative": {"x-stream-max-segment-size-bytes": -5},
    "segment_too_large": {"x-stream-max-segment-size-bytes": 3_000_000_001},
    "cluster_size_zero": {"x-initial-cluster-size": 0}, "cluster_size_text": {"x-initial-cluster-size": "1"},
    "leader_locator_unknown": {"x-queue-leader-locator": "nearest"},
    "filter_size_15": {"x-stream-filter-size-bytes": 15}, "filter_size_256": {"x-stream-filter-size-bytes": 256},
}.items():
    ROWS[f"stream_argument_{label}"] = one_call(
        declare_queue(f"t.stream.{label}", durable=True, arguments=STREAM | arguments))
for label, arguments in {
    "max_age": {"x-max-age": "1h"}, "segment": {"x-stream-max-segment-size-bytes": 1000},
    "cluster_size": {"x-initial-cluster-size": 1},
}.items():
    ROWS[f"classic_argument_{label}"] = one_call(
        declare_queue(f"t.classic.{label}", exclusive=True, arguments=arguments))
ROWS["stream_exclusive"] = one_call(
    declare_queue("t.stream.exclusive", durable=True, exclusive=True, arguments=STREAM))
ROWS["stream_transient"] = one_call(declare_queue("t.stream.transient", arguments=STREAM))
ROWS["stream_auto_delete"] = one_call(
    declare_queue("t.stream.auto", durable=True, auto_delete=True, arguments=STREAM))
ROWS["stream_server_named"] = one_call(declare_queue("", durable=True, arguments=STREAM))


class Stream:
    """A stream named after the row, deleted with `end`; `call` opens a channel of its own for each question."""

    def __init__(self, bench, arguments=None, confirm=True):
        self.bench, self.name, self.p = bench, f"t.{bench.name}", bench.peer().open()
        self.p.call(1, *declare_queue(self.name, durable=True, arguments=STREAM | (arguments or {})))
        answer = self.p.take(1, timeout=20)
        assert answer == [f'1 queue.declare-ok "{self.name}" 0 0'], answer
        if confirm:
            self.p.call(1, "confirm.select", False)
            assert self.p.take() == ["1 confirm.select-ok"]

    def publish(self, *bodies, properties=None):
        for body in bodies:
            self.bench.publish(self.p, "", self.name, body.encode(), properties)
            assert "basic.ack" in self.p.take(1, timeout=10)[0]
        return self

    def consume(self, offset=None, prefetch=10, tag="c", no_ack=False, exclusive=False, peer=None, **arguments):
        """A peer with a consumer, and what consume was answered with."""
        peer = peer or self.bench.peer().open()
        if prefetch:
            peer.call(1, "basic.qos", 0, prefetch, False)
            peer.take()
        table = {"x-stream-offset": offset} if offset is not None else {}
        table.update({name.replace("_", "-"): value for name, value in arguments.items()})
        peer.call(1, "basic.consume", 0, self.name, tag, False, no_ack, exclusive, False, table)
        return peer, peer.take(1, timeout=10)

    def end(self, seen):
        q = self.bench.peer().open()
        q.call(1, "queue.delete", 0, self.name, False, False, False)
        return seen + q.take(1, timeout=10)


@row
def stream_declare_unequal(b):
    s, seen = Stream(b, {"x-max-age": "1h"}), []
    for arguments, flags in (({"x-max-age": "2h"}, {}), ({}, {}), ({"x-max-age": "1h", "x-max-length-bytes": 5}, {}),
                             ({"x-max-age": "1h"}, {"auto_delete": True}), ({"x-max-age": "1h"}, {"durable": False}),
                             ({"x-max-age": "1h"}, {})):
        q = b.peer().open()
        q.call(1, *declare_queue(s.name, **({"durable": True} | flags), arguments=STREAM | arguments))
        seen += q.take()
    q = b.peer().open()
    q.call(1, *declare_queue(s.name, durable=True))
    return s.end(seen + q.take())


@row
def stream_refuses_get_and_purge(b):
    s, seen = Stream(b).publish("a"), []
    for call in (("basic.get", 0, s.name, False), ("queue.purge", 0, s.name, False)):
        q = b.peer().open()
        q.call(1, *call)
        seen += q.take(2, timeout=1)
    return s.end(seen)


@row
def stream_delete_with_conditions(b):
    """Neither flag is looked at."""
    s, seen = Stream(b).publish("a"), []
    reader, _ = s.consume("first")
    seen += reader.take(3)
    q = b.peer().open()
    q.call(1, "queue.delete", 0, s.name, True, True, False)
    return seen + q.take(1, timeout=10) + reader.take(1, timeout=10)


@row
def stream_consume_without_prefetch(b):
    s = Stream(b)
    return s.end(s.consume("first", prefetch=0)[1])


@row
def stream_consume_without_ack(b):
    s = Stream(b)
    return s.end(s.consume("first", no_ack=True)[1])


@row
def stream_consume_with_global_prefetch(b):
    s = Stream(b)
    peer = b.peer().open()
    for is_global in (False, True):
        peer.call(1, "basic.qos", 0, 5, is_global)
        peer.take()
    return s.end(s.consume("first", prefetch=0, peer=peer)[1])


@row
def stream_consumer_arguments(b):
    s = Stream(b)
    seen = s.consume("first", x_priority=5)[1] + s.consume("first", x_unknown=5)[1]
    p = b.peer().open()
    p.call(1, "basic.consume", 0, b.queue(p, ".classic"), "c", False, False, False, False, {"x-stream-offset": "first"})
    return s.end(seen + p.take())


@row
def stream_offset_invalid(b):
    s, seen = Stream(b), []
    for offset in ("5x", "0s", "7", -1):
        seen += s.consume(offset)[1]
    return s.end(seen)


@row
def stream_offset_of_no_kind(b):
    s, seen = Stream(b), []
    for offset in ("latest", "", True, 1.5, [1]):
        answer = s.consume(offset)[1][0]
        seen.append(" ".join(answer.split()[1:3] + re.findall(r"{.*}", answer)))
    return s.end(seen)


def bodies(frames):
    """Of deliveries as frames: bodies with their offsets."""
    offsets = [re.search(r"'x-stream-offset': (-?\d+)", f).group(1) for f in frames if " header " in f]
    return [f"{offset} {f.split(' body ')[1]}" for offset, f in zip(offsets, (f for f in frames if " body " in f))]


@row
def stream_delivery(b):
    s = Stream(b).publish("a").publish("b", properties={"delivery_mode": 1, "content_type": "text/plain"})
    s.publish("c", properties={"headers": {"a": "x", "z": 1}, "priority": 3})
    s.publish("d", properties={"headers": {"x-stream-offset": 77, "y": 2}, "expiration": "100000", "message_id": "m"})
    return s.end(s.consume("first")[0].take(12))


@row
def stream_offsets(b):
    s, seen = Stream(b).publish("a", "b", "c", "d", "e"), []
    for offset in ("first", 0, 3, 4, Typed("l", 2), Typed("s", 1), "next", 5, 50, "last", None):
        reader, answer = s.consume(offset)
        assert answer == ['1 basic.consume-ok "c"'], answer
        seen.append(f"{getattr(offset, 'value', offset)}: {', '.join(bodies(reader.rest(0.5)))}")
        reader.close()
    return s.end(seen)


@row
def stream_offsets_in_time(b):
    s, seen = Stream(b).publish("a"), []
    time.sleep(2.2)
    middle = int(time.time()) - 1
    s.publish("b", "c")
    for offset in (Typed("T", middle), Typed("T", 1), Typed("T", int(time.time()) + 3600), "1s", "1h", "1Y"):
        reader, answer = s.consume(offset)
        assert answer == ['1 basic.consume-ok "c"'], answer
        seen.append(", ".join(bodies(reader.rest(0.5))))
        reader.close()
    return s.end(seen)


@row
def stream_next_and_beyond(b):
    s = Stream(b).publish("a", "b")
    waiting, _ = s.consume("next")
    beyond, _ = s.consume(3)
    s.publish("c", "d")
    return s.end(bodies(waiting.take(6)) + ["beyond"] + bodies(beyond.take(3)))


@row
def stream_settling_gives_credit_only(b):
    s = Stream(b).publish("a", "b", "c", "d", "e", "f")
    reader, _ = s.consume("first", prefetch=2)
    seen = reader.take(6) + reader.quiet()
    reader.call(1, "basic.ack", 2, True)
    seen += bodies(reader.take(6)) + reader.quiet()
    reader.call(1, "basic.reject", 3, True)
    seen += bodies(reader.take(3)) + reader.quiet()
    reader.call(1, "basic.nack", 4, False, False)
    seen += bodies(reader.take(3)) + reader.quiet()
    reader.call(1, "basic.nack", 0, True, True)
    seen += reader.quiet()
    again, _ = s.consume("first")
    return s.end(seen + bodies(again.take(18)))


@row
def stream_readers_side_by_side(b):
    s = Stream(b).publish("a", "b", "c")
    one, _ = s.consume("first", tag="one")
    seen = bodies(one.take(9))
    s.consume(1, tag="two", prefetch=0, peer=one)
    seen += bodies(one.take(6))
    one.call(1, "basic.cancel", "one", False)
    seen += one.take()
    s.publish("d")
    return s.end(seen + one.take(3) + one.quiet())


@row
def stream_exclusive_consumer(b):
    s = Stream(b)
    _, first = s.consume("first", exclusive=True)
    _, second = s.consume("first")
    return s.end(first + second)


@row
def stream_counts(b):
    """Read or not, everything counts; RabbitMQ counts every few seconds."""
    s = Stream(b).publish("a", "b", "c")
    reader, _ = s.consume("first")
    reader.take(9)
    reader.call(1, "basic.ack", 0, True)
    for _ in range(40):
        s.p.call(1, *declare_queue(s.name, passive=True))
        seen = s.p.take()
        if " 3 " in seen[0]:
            break
        time.sleep(0.25)
    return s.end(seen)


@row
def stream_bound_and_mandatory(b):
    s = Stream(b)
    exchange = b.exchange(s.p, "fanout")
    classic = b.queue(s.p, ".classic")
    for name in (s.name, classic):
        s.p.call(1, "queue.bind", 0, name, exchange, "", False, {})
        assert s.p.take() == ["1 queue.bind-ok"]
    b.publish(s.p, exchange, "k", b"both", mandatory=True)
    seen = s.p.take(1)
    s.p.call(1, "basic.get", 0, classic, True)
    seen += s.p.take(3)
    return s.end(seen + s.consume("first")[0].take(3))


@row
def stream_transaction(b):
    s = Stream(b, confirm=False)
    s.p.call(1, "tx.select")
    seen = s.p.take()
    for body in (b"a", b"b"):
        b.publish(s.p, "", s.name, body)
    s.p.call(1, "tx.commit")
    seen += s.p.take()
    b.publish(s.p, "", s.name, b"rolled back")
    s.p.call(1, "tx.rollback")
    seen += s.p.take()
    return s.end(seen + bodies(s.consume("first")[0].rest(0.5)))


@row
def stream_as_dead_letter_target(b):
    s = Stream(b)
    queue = b.queue(s.p, ".classic", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": s.name})
    b.publish(s.p, "", queue, b"dead")
    s.p.take()
    s.p.call(1, "basic.get", 0, queue, False)
    s.p.take(3)
    s.p.call(1, "basic.reject", 1, False)
    frames = s.consume("first")[0].take(3)
    return s.end([re.sub(r"'time': \d+", "'time': T", f) for f in frames])


@row
def stream_filter(b):
    """Since 3.13. RabbitMQ filters whole chunks and leaves the rest to clients; these answers are exact."""
    s = Stream(b)
    for body, value in (("a", "red"), ("b", "blue"), ("c", None), ("d", "red")):
        s.publish(body, properties={"headers": {"x-stream-filter-value": value} if value else {}})
    seen = []
    for arguments in ({"x_stream_filter": "red"}, {"x_stream_filter": ["blue", "green"]},
                      {"x_stream_filter": "blue", "x_stream_match_unfiltered": True},
                      {"x_stream_filter": "none"}, {"x_stream_match_unfiltered": True}, {"x_stream_filter": []}):
        reader, answer = s.consume("first", **arguments)
        assert answer == ['1 basic.consume-ok "c"'], answer
        seen.append(", ".join(bodies(reader.rest(0.5))))
        reader.close()
    return s.end(seen)


# MARK: Running

def run_row(port, name):
    bench = Bench(port, name)
    try:
        # RabbitMQ breaks long terms over lines; where it does so says nothing.
        return [re.sub(r"\n\s+", "", line) for line in ROWS[name](bench)]
    except Exception as error:  # A row that breaks is a result like any other.
        return [f"row failed: {type(error).__name__}: {error}"]
    finally:
        bench.finish()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    address = urllib.parse.urlsplit(os.environ.get("TEST_AMQP_URL", "amqp://127.0.0.1:5672"))
    options.add_argument("--port", type=int, default=address.port)
    options.add_argument("--record", action="store_true")
    options.add_argument("scenario", nargs="?", default="table", choices=["table"])
    options.add_argument("--list", action="store_true", help="names of the scenarios, for the test runner")
    options.add_argument("--recorded", action="store_true")
    options.add_argument("--only", default="")
    options.add_argument("--skip", default="", help="comma-separated parts of names left out")
    options = options.parse_args()
    if options.list:
        print("table")
        return 0

    skipped = [part for part in options.skip.split(",") if part]
    names = [n for n in ROWS if options.only in n and not any(part in n for part in skipped)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        seen = dict(zip(names, pool.map(lambda name: run_row(options.port, name), names)))

    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    if options.record:
        expected.update(seen)
        kept = {name: expected[name] for name in ROWS if name in expected}
        EXPECTED.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        print(f"recorded {len(seen)} rows")
        return 0
    if not options.recorded:
        expected.update(OWN)
    wrong = 0
    for name in names:
        if options.only:
            print(name, *seen[name], sep="\n    ")
        if seen[name] != expected.get(name):
            wrong += 1
            print(f"--- {name}")
            for line in expected.get(name, ["(not recorded)"]):
                print(f"    expected {line}")
            for line in seen[name]:
                print(f"    got      {line}")
    print(f"{len(names) - wrong} of {len(names)} rows as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
