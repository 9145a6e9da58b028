"""pytest plugin: fixtures that lead to the server under test, given as TEST_AMQP_PORT and TEST_RESP_PORT.

aiormq and aio-pika start their RabbitMQ with a container engine, through a module `tests.docker_client`. Here that module's
engine has one container, which runs already and cannot be stopped.
"""

import os
import pathlib
import sys
import types

import pytest

AMQP_PORT = int(os.environ["TEST_AMQP_PORT"])
RESP_PORT = int(os.environ["TEST_RESP_PORT"])


def _replace_container_engine():
    sys.path.insert(0, os.getcwd())
    from tests import docker_client

    class OneContainer:
        def __init__(self, *_):
            pass

        def run(self, image, ports, environment=None):
            return docker_client.ContainerInfo(
                id="given", host="127.0.0.1", ports={"5672/tcp": AMQP_PORT, "5671/tcp": 1})  # fmt: skip

        def kill(self, *_):
            pass

        def remove(self, *_):
            pass

    docker_client.check_docker_available = lambda: None
    docker_client.DockerClient = OneContainer


if pathlib.Path("tests/docker_client.py").exists():
    _replace_container_engine()


class _RedisContainer:
    """arq starts its Redis with testcontainers."""

    port = 6379

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_container_host_ip(self):
        return "127.0.0.1"

    def get_exposed_port(self, _):
        return RESP_PORT


sys.modules["testcontainers"] = types.ModuleType("testcontainers")
sys.modules["testcontainers.redis"] = types.ModuleType("testcontainers.redis")
sys.modules["testcontainers.redis"].RedisContainer = _RedisContainer


@pytest.fixture(scope="session")
def rabbitmq_container():
    from tests import docker_client

    return docker_client.DockerClient().run("", [])


@pytest.fixture(scope="session")
def amqp_direct_url():
    from yarl import URL

    return URL(f"amqp://guest:guest@127.0.0.1:{AMQP_PORT}//")


@pytest.fixture
def broker_url():
    return f"amqp://guest:guest@127.0.0.1:{AMQP_PORT}"


@pytest.fixture
def backend_url():
    return f"redis://127.0.0.1:{RESP_PORT}/0"
