#!/usr/bin/python3
"""Times Celery, Redis and boto3 at archiving the JPEG files of a folder.

    measure.py FOLDER BUCKET POOL PROCESSES RUNS

POOL as `celery worker --pool` has it, PROCESSES its concurrency. The store is
the one of AWS_ENDPOINT_URL_S3. Redis and the worker run on loopback while it
measures. Prints one object: seconds (median of RUNS, from the first frame's
message to all results in order), cpu_seconds of a run (worker and client),
pss_megabytes of the worker's processes.

Debian: python3-boto3 python3-celery python3-gevent python3-redis redis-tools.
"""
import base64
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(process):
    """It and all below it."""
    found = [process]
    for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            found += tree(int(child))
    return found


def cpu_seconds(process):
    total = 0
    for one in tree(process):
        stat = pathlib.Path(f"/proc/{one}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def pss_megabytes(process):
    total = 0
    for one in tree(process):
        for line in pathlib.Path(f"/proc/{one}/smaps_rollup").open():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def start_redis(port):
    # The server itself: redis-tools has it under another name, which decides
    # what it is; the package of its own would start a service.
    return subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save",
         "", "--appendonly", "no"], executable="/usr/bin/redis-check-rdb",
        stdout=subprocess.DEVNULL)


def wait_for_worker(app, worker):
    for _ in range(60):
        if worker.poll() is not None:
            sys.exit("the worker ended")
        try:
            if app.control.ping(timeout=1):
                return
        except Exception:
            time.sleep(0.5)
    sys.exit("the worker does not answer")


def measure(folder, bucket, concurrency, runs, worker):
    from celery import group
    from tasks import app, upload
    wait_for_worker(app, worker)
    pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]

    def once():
        start = time.perf_counter()
        results = group(
            upload.s(bucket, f"{index:012}.jpg",
                     base64.b64encode(picture).decode())
            for index, picture in enumerate(pictures)).apply_async().get(
                timeout=300)
        assert [key for key, _ in results] == [
            f"{index:012}.jpg" for index in range(len(pictures))]
        return time.perf_counter() - start

    def client_seconds():
        return sum(os.times()[:2])
    # Its processes open their connections.
    for _ in range(2 if concurrency >= len(pictures) else 1):
        once()
    before = cpu_seconds(worker.pid) + client_seconds()
    times = [once() for _ in range(runs)]
    used = cpu_seconds(worker.pid) + client_seconds() - before
    return {"seconds": statistics.median(times), "cpu_seconds": used / runs,
            "pss_megabytes": pss_megabytes(worker.pid)}


def main(folder, bucket, pool, concurrency, runs):
    port = free_port()
    os.environ["REDIS_PORT"] = str(port)
    os.environ["S3_ENDPOINT"] = os.environ["AWS_ENDPOINT_URL_S3"]
    redis = start_redis(port)
    with tempfile.TemporaryFile() as log:
        time.sleep(0.5)
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P",
             pool, "-c", concurrency, "--without-gossip", "--without-mingle", "-l",
             "WARNING"], cwd=HERE, stdout=log, stderr=log)
        try:
            print(json.dumps(measure(pathlib.Path(folder), bucket,
                                     int(concurrency), int(runs), worker)))
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                for one in reversed(tree(worker.pid)):
                    os.kill(one, 9)
                worker.wait()
            redis.kill()
            redis.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
