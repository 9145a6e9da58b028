"""The three servers of the comparison, each private: own ports on the loopback, own folder, ended by its pid."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

RABBITMQ = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"a server ended before it listened on {port}: {process.args}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens on {port} after {seconds} s: {process.args}")


class Server:
    """A process with a folder; `pid` is the process whose time and memory count."""

    name = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True)
        self.children = []

    def spawn(self, arguments, environment=None):
        log = open(self.folder / f"output-{len(self.children)}", "wb")
        child = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        self.children.append(child)
        return child

    def memory_bytes(self):
        """Resident memory of the process, as the kernel counts it."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait(10)


class Taskd(Server):
    """`settings` by their environment's names: memory_high_watermark="1GiB"."""

    name = "taskd"

    def __init__(self, folder, binary, **settings):
        super().__init__(folder)
        self.binary = binary
        self.amqp_port, self.resp_port = free_port(), free_port()
        self.start(**settings)

    def start(self, seconds=120, **settings):
        """Returns the seconds until it was ready."""
        began = time.monotonic()
        output = self.folder / f"output-{len(self.children)}"
        child = self.spawn([
            self.binary, "serve", "--data-dir", self.folder / "data",
            "--amqp", f"127.0.0.1:{self.amqp_port}", "--resp", f"127.0.0.1:{self.resp_port}",
        ], {f"TASKD_{name.upper()}": str(value) for name, value in settings.items()})  # fmt: skip
        self.pid = child.pid
        # It listens before it has read its log, so the ports say nothing.
        while " ready amqp=" not in output.read_text(errors="replace"):
            if child.poll() is not None or time.monotonic() - began > seconds:
                raise SystemExit(f"taskd is not ready; its log:\n{output.read_text(errors='replace')[-4000:]}")
            time.sleep(0.02)
        self.output = output
        return time.monotonic() - began

    def kill(self):
        self.children[-1].kill()
        self.children[-1].wait(30)

    def disk_bytes(self):
        total = 0
        for path in (self.folder / "data").rglob("*"):
            try:
                total += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        return total


class Redis(Server):
    """With Debian's defaults, except that it saves no snapshots in the background of a measurement."""

    name = "redis"

    def __init__(self, folder):
        super().__init__(folder)
        self.resp_port = free_port()
        child = self.spawn([
            "redis-server", "--bind", "127.0.0.1", "--port", self.resp_port, "--dir", self.folder, "--save", "",
            "--enable-debug-command", "yes",
        ])  # fmt: skip
        wait_for_port(self.resp_port, child, 30)
        self.pid = child.pid


class RabbitMQ(Server):
    """With its defaults and no plugin. Has an EPMD of its own, so that it neither finds nor disturbs another node."""

    name = "rabbitmq"

    def __init__(self, folder):
        super().__init__(folder)
        self.amqp_port, epmd, distribution = free_port(), free_port(), free_port()
        (self.folder / "plugins").write_text("[].\n")
        shared = {"ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(epmd), "HOME": str(self.folder)}
        wait_for_port(epmd, self.spawn([shutil.which("epmd") or "epmd"], shared), 10)
        program = RABBITMQ if RABBITMQ.exists() else shutil.which("rabbitmq-server")
        child = self.spawn([program], {
            **shared,
            "RABBITMQ_NODENAME": f"taskd-bench-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.amqp_port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none-advanced"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        })  # fmt: skip
        wait_for_port(self.amqp_port, child, 120)
        time.sleep(2)  # listening comes before the last of its start
        self.pid = self.beam(child.pid)

    @staticmethod
    def beam(parent):
        """The Erlang machine among a process and its descendants."""
        pids = [parent]
        while pids:
            pid = pids.pop()
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("beam"):
                    return pid
                pids += [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except FileNotFoundError:
                continue
        raise SystemExit("RabbitMQ runs, but its Erlang machine cannot be found")

    def stop(self):
        try:
            os.kill(self.pid, signal.SIGTERM)
        except (ProcessLookupError, AttributeError):
            pass
        super().stop()
