"""rq: jobs, results, failures, dependencies and a scheduled job, with its own worker process."""

import datetime
import os
import sys

import redis
from rq import Queue
from rq.job import Job
from support import CLIENTS, RESP_URL, Process, check, equal, main, scenario, unique, wait_until

URL = f"{RESP_URL}/6"
name = unique("rq")
connection = redis.Redis.from_url(URL)
queue = Queue(name, connection=connection)


def rq_worker(*arguments):
    return Process(
        [sys.executable, "-m", "rq.cli", "worker", "--url", URL, *arguments, name], ready="Listening on", folder=CLIENTS
    )


def finished(job):
    wait_until(lambda: job.get_status(refresh=True) in ("finished", "failed"), f"{job.func_name} to end", 30)
    return job.get_status(refresh=True)


@scenario
def jobs():
    with rq_worker("--with-scheduler"):
        job = queue.enqueue("rq_functions.add", 2, 3)
        equal((finished(job), job.return_value()), ("finished", 5))
        failed = queue.enqueue("rq_functions.fail")
        equal(finished(failed), "failed")
        check("own words" in failed.latest_result().exc_string, "the failure's text")
        equal(failed.id in queue.failed_job_registry.get_job_ids(), True)
        first = queue.enqueue("rq_functions.add", 1, 1)
        second = queue.enqueue("rq_functions.add", 2, 2, depends_on=first)
        equal((finished(second), second.return_value()), ("finished", 4))
        jobs = [queue.enqueue("rq_functions.add", number, number) for number in range(20)]
        equal([finished(job) and job.return_value() for job in jobs], [2 * number for number in range(20)])
        later = queue.enqueue_in(datetime.timedelta(seconds=1), "rq_functions.add", 5, 5)
        equal((finished(later), later.return_value()), ("finished", 10))
        equal(Job.fetch(job.id, connection=connection).return_value(), 5)
        equal(queue.count, 0)
        check(job.id in queue.finished_job_registry.get_job_ids(), "the registry of finished jobs")


os.environ["PYTHONPATH"] = CLIENTS
main()
