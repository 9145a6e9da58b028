"""A redis.conf in the daemon's hands: what it sets is set, what it cannot follow ends the start.

The program starts its daemons itself (own_daemon.py), with the file of Debian's package where that is installed.
"""

import pathlib
import subprocess
import tempfile

from links import RESPError, RESPLink
from own_daemon import BINARY, OwnDaemon
from support import check, equal, main, scenario

DEBIANS = pathlib.Path("/etc/redis/redis.conf")


def configured(daemon, text, *more):
    file = daemon.folder / "redis.conf"
    file.write_text(text)
    daemon.arguments = ["--redis-config", str(file), *more]
    return daemon


def parameter(link, name):
    return link.call("CONFIG", "GET", name)[1].decode()


@scenario
def what_it_sets():
    with tempfile.TemporaryDirectory(prefix="taskd-config-") as folder:
        daemon = OwnDaemon(folder)
        text = """
            maxmemory 64mb
            maxmemory-policy allkeys-lfu   
            save 900 1
            save 300 10
            notify-keyspace-events "KEA"
            slowlog-max-len 7
            client-output-buffer-limit normal 0 0 0
            client-output-buffer-limit replica 256mb 64mb 60
            client-output-buffer-limit pubsub 1mb 512kb 9
            requirepass "two words"
            user worker on >"a secret" ~queue:* +@all -@admin
            user gone off
            hz 50
        """.replace('>"a secret"', '">a secret"')
        try:
            configured(daemon, text).start()
            link = RESPLink(daemon.resp_port)
            check(isinstance(link.call("GET", "k"), RESPError), "a client without a password")
            equal(link.call("AUTH", "two words"), b"OK")
            for name, value in (
                ("maxmemory", str(64 << 20)), ("maxmemory-policy", "allkeys-lfu"), ("save", "900 1 300 10"),
                ("slowlog-max-len", "7"), ("requirepass", "two words"),
                ("client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 1048576 524288 9"),
            ):  # fmt: skip
                equal(parameter(link, name), value, name)
            check(set(parameter(link, "notify-keyspace-events")) == set("AKE"), "notifications")
            listener = RESPLink(daemon.resp_port)
            listener.call("AUTH", "two words")
            listener.call("SUBSCRIBE", "__keyevent@0__:set")
            worker = RESPLink(daemon.resp_port)
            equal(worker.call("AUTH", "worker", "a secret"), b"OK")
            equal(worker.call("SET", "queue:1", "v"), b"OK")
            equal(listener.receive()[2], b"queue:1", "the notification")
            check("NOPERM" in str(worker.call("SET", "other", "v")), "another key")
            check("WRONGPASS" in str(worker.call("AUTH", "gone", "")), "a user that is off")
            told = [line for line in daemon.log_lines("notice") if "not used by taskd" in line]
            equal(len(told), 2, "lines about what has no effect")
            check("`hz 50`" in told[1] and "redis.conf:14" in told[1], told)
            # What a command says of a user holds over the file, also later.
            equal(link.call("ACL", "SETUSER", "worker", "+@admin", "~*"), b"OK")
            equal(link.call("ACL", "DELUSER", "gone"), 1)
            daemon.stop()
            daemon.start()
            link = RESPLink(daemon.resp_port)
            link.call("AUTH", "two words")
            check(b"+@all" in b" ".join(link.call("ACL", "LIST")), "users")
            equal(sorted(link.call("ACL", "USERS")), [b"default", b"guest", b"worker"], "users after a restart")
            worker = RESPLink(daemon.resp_port)
            worker.call("AUTH", "worker", "a secret")
            equal(worker.call("SET", "other", "v"), b"OK", "the key that a command has allowed")
            daemon.stop()
        finally:
            daemon.kill()


@scenario
def what_it_cannot_follow():
    with tempfile.TemporaryDirectory(prefix="taskd-config-") as folder:
        daemon = OwnDaemon(folder)
        for text, reason in (
            ("maxmemory 1gb\nmaxmemroy 1gb\n", "redis.conf:2: unknown directive `maxmemroy`; did you mean `maxmemory`?"),
            ("rename-command CONFIG ''\n", "redis.conf:1: `rename-command` cannot be followed: commands keep their names"),
            ("bind 0.0.0.0\n", "redis.conf:1: `bind 0.0.0.0` without a password"),
            ("include /nosuch/file.conf\n", "cannot read /nosuch/file.conf: No such file or directory"),
            ('requirepass "x\n', "redis.conf:1: unbalanced quotes"),
        ):
            configured(daemon, text).launch()
            equal(daemon.wait(30), 1, "the exit code")
            check(reason in daemon.log(), f"expected {reason!r} in {daemon.log()[-1500:]}")
            equal(len(daemon.log().splitlines()), 1, "lines")
        check(not daemon.data.exists(), "a data folder though nothing was started")


@scenario
def debians():
    if not DEBIANS.exists():
        print(f"SKIPPED debians: {DEBIANS} is not there, or may not be read", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="taskd-config-") as folder:
        daemon = OwnDaemon(folder)
        # It may be root's.
        done = subprocess.run(
            [BINARY, "check-config", "--redis-config", str(DEBIANS)], capture_output=True, text=True, check=False)  # fmt: skip
        if "Permission denied" in done.stderr:
            print(f"SKIPPED debians: {DEBIANS} may not be read", flush=True)
            return
        equal(done.returncode, 0, done.stderr[-2000:])
        check('resp.listen = ["127.0.0.1:6379"' in done.stdout, done.stdout)
        check("store.appendonly = false" in done.stdout, done.stdout)
        daemon.arguments = ["--redis-config", str(DEBIANS)]
        try:
            daemon.start()
            told = [line for line in daemon.log_lines("notice") if "not used by taskd" in line]
            check(20 < len(told) < 60 and any("`daemonize yes`" in line for line in told), told)
            equal(parameter(RESPLink(daemon.resp_port), "appendonly"), "no", "over the command line's port")
            equal(daemon.stop(), 0)
        finally:
            daemon.kill()


main()
