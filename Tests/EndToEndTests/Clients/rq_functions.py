"""What rq_jobs.py has its worker run."""


def add(x, y):
    return x + y


def fail():
    raise ValueError("own words")
