"""Flower's own API shows the worker and the tasks that ran. TEST_BROKER is amqp or redis."""

import json
import os
import socket
import time
import urllib.request

os.environ.setdefault("TEST_QUEUE", f"flower-{os.getpid()}-{int(time.time())}")

from feature_tasks import add, fail, queue
from support import celery, check, equal, main, scenario, unique, wait_until, worker


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@scenario
def flower():
    port, name = free_port(), unique("shown")
    environment = {"FLOWER_UNAUTHENTICATED_API": "true"}

    def api(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=10) as answer:
            return json.load(answer)

    def reachable():
        try:
            return api("workers") is not None
        except OSError:
            return False

    with worker("feature_tasks", "-E", name=name), celery(
        "feature_tasks", "flower", f"--port={port}", "--address=127.0.0.1", environment=environment
    ):
        wait_until(reachable, "Flower's API", 30)
        time.sleep(1)
        results = [add.delay(number, number) for number in range(5)]
        equal([result.get(30) for result in results], [0, 2, 4, 6, 8])
        failed = fail.delay("shown")
        failed.get(30, propagate=False)

        def shown():
            tasks = api("tasks")
            return all(tasks.get(result.id, {}).get("state") == "SUCCESS" for result in results) and (
                tasks.get(failed.id, {}).get("state") == "FAILURE"
            )

        wait_until(shown, "Flower to show the tasks", 20)
        workers = wait_until(lambda: api("workers?refresh=1"), "Flower to show workers", 20)
        (full,) = [worker_name for worker_name in workers if worker_name.startswith(name)]
        check(queue in [entry["name"] for entry in workers[full]["active_queues"]], "its queues")
        equal(api(f"task/info/{results[3].id}")["result"], "6")


main()
