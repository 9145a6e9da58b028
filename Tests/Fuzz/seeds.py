"""Writes what the fuzzers start from: well-formed bytes of each protocol, and words that occur in them.

usage: seeds.py FOLDER     (makes FOLDER/NAME/ with one file for each seed, FOLDER/NAME-planted/ with the one that
the search for the planted bug starts from, and FOLDER/NAME.dict)
"""

import pathlib
import struct
import sys


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def short(text):
    return struct.pack(">B", len(text)) + text


def long(content):
    return struct.pack(">I", len(content)) + content


FIELDS = (
    b"\x01tt\x01" + b"\x01bb\xff" + b"\x01BB\xff" + b"\x01sU\xff\xfe" + b"\x01uu\0\x01" + b"\x01II\0\0\0\x01"
    + b"\x01ii\0\0\0\x01" + b"\x01ll" + b"\0" * 8 + b"\x01ff" + b"\0" * 4 + b"\x01dd" + b"\0" * 8 + b"\x01DD\x02\0\0\0\x09"
    + b"\x01SS" + long(b"text") + b"\x01xx" + long(b"\0\xff") + b"\x01AA" + long(b"I\0\0\0\x01V") + b"\x01TT" + b"\0" * 8
    + b"\x01FF" + long(b"\x01kV") + b"\x01VV"
)  # fmt: skip
TABLE = long(FIELDS)
PROPERTIES = (
    b"\xff\xfc" + short(b"text/plain") + short(b"utf-8") + TABLE + b"\x02\x09" + short(b"correlation") + short(b"reply")
    + short(b"1000") + short(b"id") + b"\0" * 8 + short(b"type") + short(b"guest") + short(b"app") + short(b"cluster")
)  # fmt: skip


def method(class_id, method_id, arguments=b"", channel=1):
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


NAMED = struct.pack(">H", 0) + short(b"queue")
AMQP = {
    "header": b"AMQP\0\0\x09\x01",
    "start-ok": method(10, 11, TABLE + short(b"PLAIN") + long(b"\0guest\0guest") + short(b"en_US"), 0),
    "tune-ok": method(10, 31, struct.pack(">HIH", 2047, 131072, 60), 0),
    "open": method(10, 40, short(b"/") + short(b"") + b"\0", 0),
    "channel": method(20, 10, short(b"")),
    "declare": method(50, 10, NAMED + b"\x02" + TABLE),
    "exchange": method(40, 10, struct.pack(">H", 0) + short(b"name") + short(b"topic") + b"\x02" + long(b"")),
    "bind": method(50, 20, NAMED + short(b"exchange") + short(b"a.*.#") + b"\0" + TABLE),
    "purge": method(50, 30, NAMED + b"\x00"),
    "delete": method(50, 40, NAMED + b"\x00"),
    "consume": method(60, 20, NAMED + short(b"tag") + b"\x02" + long(b"")),
    "publish": method(60, 40, struct.pack(">H", 0) + short(b"exchange") + short(b"key") + b"\x01")
    + frame(2, 1, struct.pack(">HHQ", 60, 0, 5) + PROPERTIES) + frame(3, 1, b"hello"),
    "ack": method(60, 80, struct.pack(">QB", 1, 1)),
    "close": method(20, 40, struct.pack(">H", 404) + short(b"NOT_FOUND") + struct.pack(">HH", 50, 10)),
    "heartbeat": frame(8, 0, b""),
    "table": FIELDS,
    "properties": PROPERTIES,
}  # fmt: skip


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


RESP_REQUEST = {
    "one": b"\x03" + command(b"PING"),
    "many": b"\x07" + command(b"SET", b"key", b"value") + command(b"GET", b"key") + command(b"ECHO", b"word"),
    "inline": b"\x01PING\r\nSET a 'b c'\r\nECHO \"\\x41\\n\\\"\"\r\n",
    "mixed": b"\x0f*0\r\n\r\nPING\n" + command(b"MGET", b"a", b"b", b"c"),
    "refused": b"\x82*2\r\n$3\r\nGET\r\n$-1\r\n",
    "large": b"\x05*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300\r\n" + b"x" * 300 + b"\r\n",
}
RESP_REPLY = {
    "simple": b"\x03+OK\r\n-ERR no\r\n:42\r\n$5\r\nhello\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n,inf\r\n(12345678901234567890\r\n",
    "aggregate": b"\x05*3\r\n:1\r\n$0\r\n\r\n*1\r\n_\r\n%1\r\n+key\r\n:1\r\n~2\r\n+a\r\n+b\r\n>2\r\n+message\r\n+x\r\n",
    "verbose": b"\x09=8\r\ntxt:text\r\n!5\r\nERR x\r\n|1\r\n+a\r\n:1\r\n:2\r\n",
}
WORDS = {
    "amqp": [b"\0\x0a", b"\0\x14", b"\0\x28", b"\0\x32", b"\0\x3c", b"\0\x1e", b"\xce", b"F\0\0\0\0", b"A\0\0\0\0", b"\0\x32\0\x1e"],
    "resp-request": [b"\r\n", b"*1\r\n", b"*2\r\n", b"$0\r\n", b"$4\r\n", b"$-1\r\n", b"ECHO", b"\\x41"],
    "resp-reply": [b"\r\n", b"*2\r\n", b"%1\r\n", b"~1\r\n", b">1\r\n", b"_\r\n", b"$-1\r\n", b"nan", b"inf"],
}


NEAREST = {"amqp": "purge", "resp-request": "many", "resp-reply": "aggregate"}


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, seeds in (("amqp", AMQP), ("resp-request", RESP_REQUEST), ("resp-reply", RESP_REPLY)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed, data in seeds.items():
            (folder / name / seed).write_bytes(data)
        (folder / f"{name}-planted").mkdir(exist_ok=True)
        (folder / f"{name}-planted" / "seed").write_bytes(seeds[NEAREST[name]])
        words = ["\"" + "".join(f"\\x{byte:02x}" for byte in word) + "\"\n" for word in WORDS[name]]
        (folder / f"{name}.dict").write_text("".join(words))


main()
