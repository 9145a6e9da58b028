"""The services of test_nameko.py: `nameko_services.py SCENARIO PREFIX AMQP_URL`."""

import sys

import eventlet

eventlet.monkey_patch()

from nameko.events import BROADCAST, EventDispatcher, event_handler  # noqa: E402
from nameko.exceptions import RemoteError  # noqa: E402
from nameko.rpc import RpcProxy, rpc  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from nameko.standalone.events import event_dispatcher  # noqa: E402
from nameko.standalone.rpc import ClusterRpcProxy  # noqa: E402

SCENARIO, PREFIX, URL = sys.argv[1:]
CONFIG = {"AMQP_URI": URL}
SEEN = []


class Numbers:
    name = f"{PREFIX}_numbers"
    dispatch = EventDispatcher()

    @rpc
    def double(self, number):
        self.dispatch("doubled", number)
        return 2 * number

    @rpc
    def fail(self):
        raise ValueError("on purpose")


class Caller:
    name = f"{PREFIX}_caller"
    numbers = RpcProxy(f"{PREFIX}_numbers")

    @rpc
    def quadruple(self, number):
        return self.numbers.double(self.numbers.double(number))

    @event_handler(f"{PREFIX}_numbers", "doubled")
    def note(self, number):
        SEEN.append(number)


class Listener:
    name = f"{PREFIX}_listener"

    @event_handler(f"{PREFIX}_outside", "happened", handler_type=BROADCAST, reliable_delivery=False)
    def note(self, number):
        SEEN.append(number)


def wait_for(count):
    with eventlet.Timeout(20):
        while len(SEEN) < count:
            eventlet.sleep(0.02)


def calls(service):
    assert [service(Caller.name).quadruple(number) for number in range(100)] == [4 * n for n in range(100)]
    pending = [service(Numbers.name).double.call_async(number) for number in range(200)]
    assert [one.result() for one in pending] == [2 * n for n in range(200)]


def errors(service):
    try:
        service(Numbers.name).fail()
    except RemoteError as error:
        assert error.exc_type == "ValueError" and error.value == "on purpose", error
    else:
        raise AssertionError("no error")
    try:
        service(f"{PREFIX}_nobody").anything()
    except Exception as error:
        assert type(error).__name__ == "UnknownService", repr(error)
    else:
        raise AssertionError("a service that does not exist has answered")


def events(service):
    for number in range(100):
        service(Numbers.name).double(number)
    wait_for(100)
    assert sorted(SEEN) == list(range(100)), SEEN


def broadcast(_):
    dispatch = event_dispatcher(CONFIG)
    for number in range(100):
        dispatch(f"{PREFIX}_outside", "happened", number)
    wait_for(100)
    assert SEEN == list(range(100)), SEEN


def main():
    runner = ServiceRunner(CONFIG)
    for service in (Numbers, Caller, Listener):
        runner.add_service(service)
    runner.start()
    try:
        with ClusterRpcProxy(CONFIG) as client:
            globals()[SCENARIO](lambda name: client[name])
    finally:
        runner.stop()
    print(f"{SCENARIO} as expected")


main()
