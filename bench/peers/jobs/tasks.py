"""The task queue that bench/jobs.py compares with: Celery, with Redis as its
broker and for its results, and a task that does nothing.

Redis is at REDIS_PORT of this machine.
"""
import os

from celery import Celery

REDIS = f"redis://127.0.0.1:{os.environ['REDIS_PORT']}"
app = Celery("tasks", broker=f"{REDIS}/0", backend=f"{REDIS}/1")
app.conf.worker_prefetch_multiplier = int(os.environ.get("PREFETCH", 64))


@app.task
def nothing(number):
    return number
