"""What every client program shares: where the servers are, bounded waiting, a table of scenarios.

A program declares scenarios with @scenario and ends with main(). Called with names it runs those, called
without it runs all. Each prints one line; the first failure ends the program with a traceback and code 1.
Everything a scenario makes on the server carries a name of its own, so that programs may also be pointed
at a RabbitMQ and a Redis that others use at the same time: that is how the expectations are checked.

Environment: TEST_AMQP_URL, TEST_RESP_URL (without a database number at the end).
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import uuid

AMQP_URL = os.environ.get("TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
RESP_URL = os.environ.get("TEST_RESP_URL", "redis://127.0.0.1:6379")
_amqp = urllib.parse.urlsplit(AMQP_URL)
_resp = urllib.parse.urlsplit(RESP_URL)
AMQP_HOST, AMQP_PORT = _amqp.hostname, _amqp.port or 5672
RESP_HOST, RESP_PORT = _resp.hostname, _resp.port or 6379
CLIENTS = os.path.dirname(os.path.abspath(__file__))

# Whoever starts this program may have its signals blocked, and what is started from here would inherit that:
# a worker that is asked to stop would never hear of it.
signal.pthread_sigmask(signal.SIG_SETMASK, [])

_scenarios = {}


def scenario(function):
    """Enters a function into the program's table under its name with dashes."""
    name = function.__name__.replace("_", "-")
    assert name not in _scenarios, name
    _scenarios[name] = function
    return function


def main():
    names = sys.argv[1:] or list(_scenarios)
    if names == ["--list"]:
        print("\n".join(_scenarios))
        return
    for name in names:
        if name not in _scenarios:
            print(f"no scenario {name}; there are: {' '.join(_scenarios)}", file=sys.stderr)
            sys.exit(2)
    for name in names:
        began = time.monotonic()
        try:
            _scenarios[name]()
        except BaseException:
            print(f"FAILED {name} after {time.monotonic() - began:.1f} s", flush=True)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # threads of clients must not keep a failed program alive
        print(f"ok {name} {time.monotonic() - began:.1f} s", flush=True)
    sys.stdout.flush()
    os._exit(0)


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what or 'value'}: got {shorten(actual)}, expected {shorten(expected)}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def raises(kind, function, *arguments, containing="", **named):
    """Calls and returns the expected exception; anything else is a failure."""
    try:
        result = function(*arguments, **named)
    except kind as error:
        check(containing in str(error), f"{kind.__name__} says {error!r}, expected it to contain {containing!r}")
        return error
    raise AssertionError(f"no {kind.__name__}, but {shorten(result)}")


def wait_until(condition, what, seconds=20.0, pause=0.05):
    """The condition's first true value. Bounded: a server that never answers fails the scenario."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


# A program that is told to stop unwinds, and so stops its children.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped from outside"))


def _end_with_parent():
    """In the child: even a killed program leaves no worker behind (Linux, PR_SET_PDEATHSIG)."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A child in a process group of its own, with its output in a file; used as a context manager."""

    def __init__(self, arguments, ready=None, ready_seconds=40, environment=None, folder=None):
        self.arguments = [str(argument) for argument in arguments]
        self.log = tempfile.NamedTemporaryFile("w+", prefix="client-", suffix=".log", delete=False)
        self.child = subprocess.Popen(
            self.arguments,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": CLIENTS, **(environment or {})},
        )
        if ready:
            try:
                wait_until(lambda: self.ended() or ready in self.output(), f"{ready!r} in its output", ready_seconds)
                check(not self.ended(), "it ended before it was ready")
            except BaseException:
                self.complain()
                self.kill()
                raise

    def output(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ended(self):
        return self.child.poll() is not None

    def complain(self):
        tail = self.output()[-6000:]
        print(f"--- output of {' '.join(self.arguments)} (code {self.child.poll()})\n{tail}\n---", flush=True)

    def kill(self):
        """At once and with all its children, as when the machine takes the process away."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait(10)

    def stop(self, seconds=20):
        """Warm stop; returns the exit code. A process that hangs is killed and counts as a failure."""
        if not self.ended():
            self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.complain()
            self.kill()
            raise AssertionError(f"did not stop within {seconds} s: {self.arguments}") from None
        self.kill()  # children that outlived it
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind:
                self.complain()
                self.kill()
            else:
                self.stop()
        finally:
            self.log.close()
            os.unlink(self.log.name)


def celery(module, *arguments, **named):
    """`python -m celery -A module …` as a Process."""
    return Process([sys.executable, "-m", "celery", "-A", module, *arguments], **named)


def worker(module, *arguments, name=None, pool="prefork", concurrency=2, environment=None, folder=None):
    """A worker that is ready to take tasks."""
    return celery(
        module, "worker", "-l", "info", f"--pool={pool}", f"--concurrency={concurrency}",
        "-n", f"{name or unique('worker')}@%h", *arguments,
        ready=" ready.", environment=environment, folder=folder,
    )  # fmt: skip


def run_celery(module, *arguments, seconds=60, code=0, environment=None):
    """One celery command to its end; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", module, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": CLIENTS, **(environment or {})},
    )  # fmt: skip
    check(done.returncode == code, f"celery {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def in_threads(functions, seconds=60):
    """Runs all at once, returns their results in order; the first exception is raised here."""
    results, errors = [None] * len(functions), []

    def run(index, function):
        try:
            results[index] = function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        check(not thread.is_alive(), f"a thread did not end within {seconds} s")
    if errors:
        raise errors[0]
    return results
