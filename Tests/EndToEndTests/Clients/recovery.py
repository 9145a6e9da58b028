"""Clients that come while the daemon is still reading its log: sent away at once, in words where the protocol has some."""

import os
import socket
import tempfile
import time

from links import AMQPLink, RESPLink
from own_daemon import OwnDaemon
from support import check, equal, main, scenario

KEYS = int(os.environ.get("RECOVERY_KEYS", 400_000))


def early(port, raw):
    """What a connection hears that sends `raw` at once, and how long that takes."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        heard = b""
        try:
            client.sendall(raw)
            while piece := client.recv(65_536):
                heard += piece
                if heard.startswith((b"AMQP", b"\x01", b"+", b"$", b":")):
                    break  # the daemon is there
        except ConnectionError:
            pass  # it was closed before it was read
    return heard, time.monotonic() - began


@scenario
def early_clients():
    with tempfile.TemporaryDirectory(prefix="taskd-recovery-") as folder:
        daemon = OwnDaemon(folder)
        try:
            # Without checkpoints, so that there is much to read.
            daemon.start(log_checkpoint_bytes=1 << 40, disk_free_limit=0)
            store = RESPLink(daemon.resp_port)
            for start in range(0, KEYS, 4_000):
                store.pipeline([("RPUSH", f"list:{number % 997}", number) for number in range(start, start + 4_000)])
            link = AMQPLink(daemon.amqp_port, confirms=True)
            link.declare("kept")
            for _ in range(20):
                link.publish("kept", [b"x" * 100] * 1_000)
                link.wait_for_confirms()
            daemon.kill()

            daemon.launch()
            loading = closed = 0
            longest = 0.0
            deadline = time.monotonic() + 60
            while True:
                check(time.monotonic() < deadline and not daemon.ended(), "the daemon does not become ready")
                try:
                    heard, took = early(daemon.resp_port, b"PING\r\n")
                    if heard.startswith(b"+PONG"):
                        break
                    check(heard in (b"", b"-LOADING taskd is loading the dataset in memory\r\n"), f"RESP heard {heard!r}")
                    loading += heard.startswith(b"-LOADING")
                    longest = max(longest, took)
                    heard, took = early(daemon.amqp_port, b"AMQP\0\0\x09\x01")
                    if heard:
                        continue  # ready between the two
                    closed += 1
                    longest = max(longest, took)
                except ConnectionRefusedError:
                    time.sleep(0.002)  # not listening yet
            check(loading > 0 and closed > 0, f"{loading} clients were told to wait, {closed} connections closed: too few")
            check(longest < 3, f"a client waited {longest:.1f} s to be sent away")
            print(f"  {loading} RESP clients heard -LOADING, {closed} AMQP connections closed, the longest wait {longest * 1e3:.0f} ms")
            equal(RESPLink(daemon.resp_port).call("LLEN", "list:0"), len(range(0, KEYS, 997)))
            equal(AMQPLink(daemon.amqp_port).declare("kept", passive=True)[0], 20_000)
            equal(daemon.stop(), 0, "the exit code")
        finally:
            daemon.kill()


main()
