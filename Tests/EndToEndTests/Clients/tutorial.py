"""The public tutorial, unmodified: a worker in one terminal, a client in another, redis-cli in a third.

usage: tutorial.py solo|prefork amqp|redis|default

tutorial/tasks.py names the default ports. `default` leaves it so; otherwise Celery's own environment variables
point it at the server under test.
"""

import json
import os
import subprocess
import sys

from support import AMQP_URL, CLIENTS, RESP_HOST, RESP_PORT, RESP_URL, Process, check, equal, wait_until

pool, broker = sys.argv[1:]
environment = {
    "amqp": {"CELERY_BROKER_URL": AMQP_URL, "CELERY_RESULT_BACKEND": f"{RESP_URL}/0"},
    "redis": {"CELERY_BROKER_URL": f"{RESP_URL}/0", "CELERY_RESULT_BACKEND": f"{RESP_URL}/0"},
    "default": {},
}[broker]
folder = os.path.join(CLIENTS, "tutorial")
environment["PYTHONPATH"] = folder
environment["PYTHONDONTWRITEBYTECODE"] = "1"


def redis_cli(*arguments):
    port = 6379 if broker == "default" else RESP_PORT
    return subprocess.check_output(
        ["redis-cli", "-h", RESP_HOST, "-p", str(port), *arguments], text=True, timeout=10, stdin=subprocess.DEVNULL
    ).rstrip("\n")


with Process(
    [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-l", "info", f"--pool={pool}"],
    ready=" ready.", folder=folder, environment=environment,
) as worker:  # fmt: skip
    client = subprocess.run(
        [sys.executable, "client.py"], cwd=folder, env={**os.environ, **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90,
    )  # fmt: skip
    check(client.returncode == 0, f"the client failed:\n{client.stdout}")
    lines = client.stdout.split("\n")[:-1]
    equal(lines[:3], ["PENDING", "Hello Valon", "SUCCESS"], "the client's output")
    task = lines[3]
    # Celery closes its log line after the result is stored, so the client may be faster than the log.
    wait_until(lambda: f"[{task}] succeeded" in worker.output(), "the worker's log to say that the task succeeded")

    keys = redis_cli("keys", "celery-task-meta-*").split("\n")
    check(f"celery-task-meta-{task}" in keys, f"the result's key among {keys}")
    result = json.loads(redis_cli("get", f"celery-task-meta-{task}"))
    equal((result["status"], result["result"], result["task_id"]), ("SUCCESS", "Hello Valon", task))
    check(86_000 < int(redis_cli("ttl", f"celery-task-meta-{task}")) <= 86_400, "the result expires in a day")
    equal(worker.stop(), 0, "the worker's exit code")
print(f"ok tutorial {pool} {broker}")
