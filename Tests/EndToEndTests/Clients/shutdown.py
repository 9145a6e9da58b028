"""What open connections see when the daemon is told to stop: this program sends the signal itself.

usage: shutdown.py SIGTERM|SIGINT
"""

import os
import signal
import socket
import sys
import threading

import pika
import redis
from pika.exceptions import ConnectionClosedByBroker
from support import AMQP_HOST, AMQP_PORT, RESP_HOST, RESP_PORT, equal, raises

connection = pika.BlockingConnection(pika.ConnectionParameters(AMQP_HOST, AMQP_PORT, heartbeat=0))
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare("at-the-end", durable=True)
channel.basic_publish("", "at-the-end", b"kept", pika.BasicProperties(delivery_mode=2))
store = redis.Redis(RESP_HOST, RESP_PORT)
store.set("at-the-end", "kept")
store.close()
blocked = socket.create_connection((RESP_HOST, RESP_PORT), 20)
blocked.sendall(b"BLPOP nothing-comes 0\r\n")
idle = socket.create_connection((AMQP_HOST, AMQP_PORT), 20)  # never says a word

threading.Timer(0.3, lambda: os.kill(int(os.environ["TEST_DAEMON_PID"]), getattr(signal, sys.argv[1]))).start()


def wait_for_the_close():
    while True:
        connection.process_data_events(time_limit=20)


error = raises(ConnectionClosedByBroker, wait_for_the_close)
equal(error.reply_code, 320)
equal(error.reply_text, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
for peer in (blocked, idle):
    try:
        equal(peer.recv(100), b"", "the end of a silent connection")
    except ConnectionResetError:
        pass
print("ok shutdown")
