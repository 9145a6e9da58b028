"""Loaded by every Python process of a suite whose row names this folder in PYTHONPATH: connections to the ports of
this machine that the suite has written down for its Redis go to the server under test."""

import os
import socket

_PORTS = {int(port) for port in os.environ["REDIS_PORTS"].split(",")}
_SERVER = int(os.environ["TEST_RESP_PORT"])
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _lead(method):
    def connect(self, address):
        if isinstance(address, tuple) and address[0] in _LOOPBACK and address[1] in _PORTS:
            if self.family == socket.AF_INET6:
                raise ConnectionRefusedError("the server under test listens on 127.0.0.1")
            address = ("127.0.0.1", _SERVER)
        return method(self, address)

    return connect


class _Socket(socket.socket):
    connect = _lead(socket.socket.connect)
    connect_ex = _lead(socket.socket.connect_ex)


socket.socket = socket.SocketType = _Socket
