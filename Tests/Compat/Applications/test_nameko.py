"""nameko: services that call each other over RabbitMQ and send events.

nameko changes the interpreter it runs in (eventlet), so the services run in a process of their own.
"""

import os
import pathlib
import subprocess
import sys
import uuid

import pytest

SERVICES = pathlib.Path(__file__).with_name("nameko_services.py")


@pytest.fixture
def prefix():
    return f"nameko_{uuid.uuid4().hex}"


@pytest.mark.parametrize("scenario", ["calls", "errors", "events", "broadcast"])
def test_services(scenario, prefix, broker_url):
    done = subprocess.run(
        [sys.executable, str(SERVICES), scenario, prefix, broker_url],
        timeout=60, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == f"{scenario} as expected"
