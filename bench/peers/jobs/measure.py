#!/usr/bin/python3
"""Times Celery and Redis at tasks that do nothing.

    measure.py REDIS_PORT TASKS RUNS [POOL PROCESSES]

POOL as `celery worker --pool` has it (prefork), PROCESSES its concurrency (2).
The worker runs while it measures; Redis runs already. Prints one object:
per_second (of the fastest run, from the first message to all results, in their
order), cpu_ms_a_task (worker and client).

Debian: python3-celery python3-gevent python3-redis.
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    """Of it and all below it."""
    stat = pathlib.Path(f"/proc/{process}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    total = (int(fields[11]) + int(fields[12])) / TICKS
    for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
        total += sum(map(cpu_seconds, map(int, children.read_text().split())))
    return total


def own_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    port, tasks, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    pool, processes = (sys.argv[4:] + ["prefork", "2"][len(sys.argv[4:]):])[:2]
    os.environ["REDIS_PORT"] = port
    sys.path.insert(0, str(HERE))
    from celery import group
    from tasks import app, nothing
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool",
         pool, "--concurrency", processes, "--loglevel", "ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=HERE, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(60):
            if worker.poll() is not None:
                sys.exit("the worker ended")
            try:
                if app.control.ping(timeout=1):
                    break
            except Exception:
                time.sleep(0.5)
        else:
            sys.exit("the worker does not answer")
        seconds, cpu = [], []
        for run in range(runs + 1):  # The first warms it up.
            cpu_before = cpu_seconds(worker.pid) + own_cpu_seconds()
            began = time.perf_counter()
            sent = group(nothing.s(number) for number in range(tasks))
            answers = sent.apply_async().get(timeout=600)
            if answers != list(range(tasks)):
                sys.exit("wrong answers")
            if run > 0:
                seconds.append(time.perf_counter() - began)
                cpu.append(cpu_seconds(worker.pid) + own_cpu_seconds() -
                           cpu_before)
        print(json.dumps({
            "per_second": tasks / min(seconds),
            "cpu_ms_a_task": min(cpu) / tasks * 1e3}))
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    main()
