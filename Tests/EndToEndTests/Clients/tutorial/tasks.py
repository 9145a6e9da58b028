from time import sleep

from celery import Celery

app = Celery('tasks', broker="amqp://localhost", backend="redis://localhost")


@app.task
def say_hello(name):
    sleep(5)
    return f"Hello {name}"
