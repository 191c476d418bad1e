"""Figures of jobs through Redis: what they cost, what deaths of workers and of
masters cost, and what two workers do that one does not. Redis is on loopback
(tests/integration/redis_servers.py), so all of it shares the processors.
"""

import json
import os
import pathlib
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/integration"))

PEER = ROOT / "bench/peers/jobs/measure.py"
SYSTEM_PYTHON = "/usr/bin/python3"  # The one that Debian's Celery is for.
TICKS = os.sysconf("SC_CLK_TCK")


def picture(number, side):
    """A PNG of noise, unlike those of other numbers."""
    noise = random.Random(number).randbytes(side * side * 3)
    rows = b"".join(b"\0" + noise[begin:begin + side * 3]
                    for begin in range(0, len(noise), side * 3))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def make_pictures(folder, count, side):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.png").write_bytes(picture(number, side))
    return folder


def cpu_seconds(process):
    stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Worker:
    """`ocelli worker`, ready to work; what it computed is in its log before it
    is handed in, so that it counts although the worker is killed."""

    def __init__(self, bench, *arguments):
        self.log = bench.folder / f"worker-{bench.count()}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [bench.program, "--log-level", "debug", "worker",
                 *map(str, arguments)],
                env=bench.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log)
        while "Ctrl-C" not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None:
                sys.exit(f"the worker ended: {self.log.read_text()}")
            time.sleep(0.01)

    def computed(self):
        return self.log.read_text(errors="replace").count("job computed")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Submission:
    """`ocelli submit --json`, read along."""

    def __init__(self, bench, *arguments):
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [bench.program, "submit", *map(str, arguments), "--json"],
            env=bench.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.paths, self.times, self.complaints = [], [], ""
        self.readers = [threading.Thread(target=self.read),
                        threading.Thread(target=self.read_complaints)]
        for reader in self.readers:
            reader.start()

    def read(self):
        for line in self.process.stdout:
            self.times.append(time.perf_counter())
            self.paths.append(json.loads(line)["path"])

    def read_complaints(self):
        self.complaints = self.process.stderr.read()

    def end(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        for reader in self.readers:
            reader.join()
        self.seconds = time.perf_counter() - self.began
        self.cpu = usage.ru_utime + usage.ru_stime
        if self.process.returncode != 0:
            sys.exit(f"submit ended with {self.process.returncode}: "
                     f"{self.complaints}")
        return self

    def in_order(self, folder):
        return self.paths == [str(path) for path in sorted(folder.iterdir())]


class Bench:
    def __init__(self, program, place, folder):
        self.program = program
        self.environment = place.environment
        self.folder = folder
        self.workers = 0

    def count(self):
        self.workers += 1
        return self.workers


def scaled(count):
    """OCELLI_BENCH_JOBS=0.1: a tenth of everything, to try it."""
    return max(int(count * float(os.environ.get("OCELLI_BENCH_JOBS", 1))), 10)


def no_work(Row, bench, redis):
    """Jobs whose answer is known: all that is left is what jobs cost."""
    count = scaled(10_000)
    pictures = make_pictures(bench.folder / "known", count, 4)
    at = ("--redis", redis.url)
    worker = Worker(bench, *at)
    Submission(bench, pictures, *at).end()
    runs = []
    for _ in range(3):
        before = cpu_seconds(worker.process) + cpu_seconds(redis.process)
        run = Submission(bench, pictures, *at).end()
        run.cpu += (cpu_seconds(worker.process) + cpu_seconds(redis.process) -
                    before)
        if not run.in_order(pictures):
            sys.exit("results are missing or in the wrong order")
        runs.append(run)
    cpu = min(run.cpu for run in runs) / count * 1e3
    yield Row(
        "jobs: processor time of one beyond recognition, submitter, worker and "
        "Redis together",
        "<= 0.5 ms", f"{cpu:.3f} ms", cpu <= 0.5)

    one = sorted(pictures.iterdir())[0]

    def median(*arguments):
        times = []
        for _ in range(101):
            began = time.perf_counter()
            subprocess.run([bench.program, *map(str, arguments)], check=True,
                           env=bench.environment, capture_output=True)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e3
    submitted = median("submit", one, *at)
    asked = median("jobs", "status", *at)
    yield Row(
        "jobs: latency of one whose answer is known: `submit` less `jobs "
        "status`, both cold",
        "<= 3 ms",
        f"{submitted - asked:.1f} ms ({submitted:.1f} - {asked:.1f})",
        submitted - asked <= 3)

    # Whole processes of ours, start and end included.
    ours = count / min(run.seconds for run in runs)
    worker.end()
    done = subprocess.run(
        [SYSTEM_PYTHON, PEER, str(redis.port), str(scaled(5_000)), "3"],
        capture_output=True, text=True)
    if done.returncode != 0:
        print(f"skipped: {PEER}: {done.stderr}", file=sys.stderr)
        return
    peer = json.loads(done.stdout)
    ratio = ours / peer["per_second"]
    yield Row(
        "jobs a second that do nothing, against Celery and Redis",
        ">= 10x",
        f"{ratio:.1f}x ({ours:.0f} of {peer['per_second']:.0f} a second; "
        f"processor time {cpu:.3f} and {peer['cpu_ms_a_task']:.2f} ms each)",
        ratio >= 10)


def deaths(Row, bench, redis):
    """Three workers, of which one is killed every five seconds."""
    count, batch = scaled(10_000), 16
    pictures = make_pictures(bench.folder / "new", count, 48)
    redis.run("FLUSHALL")
    arguments = ("--redis", redis.url, "--no-cache", "--jobs", 1, "--batch",
                 batch)
    workers = [Worker(bench, *arguments) for _ in range(3)]
    submission = Submission(bench, pictures, "--redis", redis.url)
    kills, all_workers = 0, list(workers)
    while submission.process.poll() is None:
        try:
            submission.process.wait(5)
        except subprocess.TimeoutExpired:
            victim = workers.pop(0)
            victim.kill()
            kills += 1
            workers.append(Worker(bench, *arguments))
            all_workers.append(workers[-1])
    # poll() has taken its end.
    for reader in submission.readers:
        reader.join()
    seconds = time.perf_counter() - submission.began
    computed = sum(worker.computed() for worker in all_workers)
    for worker in workers:
        worker.end()
    whole = submission.process.returncode == 0 and submission.in_order(pictures)
    yield Row(
        f"jobs: {count} images, 3 workers, one killed every 5 s",
        "each result there, once, in order; computed at most 1 + kills x "
        "batch more",
        f"{len(submission.paths)} results, {'' if whole else 'not '}complete "
        f"and in order; {computed - count} computed twice in {kills} kills "
        f"(batch {batch}); {seconds:.0f} s",
        whole and computed - count <= 1 + kills * batch)


def two_workers(Row, bench, redis, photo):
    """The same photos, no two alike in their bytes, with one and two."""
    count = scaled(300)
    photos = bench.folder / "photos"
    photos.mkdir()
    for number in range(count):
        # Behind its end, where no decoder looks.
        (photos / f"{number:06}.jpg").write_bytes(
            photo.read_bytes() + struct.pack("<I", number))
    rates = {1: [], 2: []}
    for _ in range(2):
        for many in (1, 2):
            redis.run("FLUSHALL")
            workers = [Worker(bench, "--redis", redis.url, "--no-cache",
                              "--jobs", 1) for _ in range(many)]
            warm = Submission(bench, *sorted(photos.iterdir())[:4 * many],
                              "--redis", redis.url)
            warm.end()
            run = Submission(bench, photos, "--redis", redis.url).end()
            rates[many].append(count / run.seconds)
            for worker in workers:
                worker.end()
    ratio = max(rates[2]) / max(rates[1])
    yield Row(
        "jobs: two workers against one, a thread each, on two processors",
        ">= 1.85x",
        f"{ratio:.2f}x ({max(rates[2]):.1f} of {max(rates[1]):.1f} photos/s)",
        ratio >= 1.85)


def dead_master(Row, bench, folder):
    """A Cluster that loses a master while jobs are under way."""
    from redis_servers import RedisCluster
    count = scaled(4_000)
    pictures = make_pictures(bench.folder / "cluster", count, 40)
    with RedisCluster(folder, node_timeout=2000) as cluster:
        at = ("--redis", cluster.url)
        workers = [Worker(bench, *at, "--no-cache", "--jobs", 1)
                   for _ in range(2)]
        submission = Submission(bench, pictures, *at)
        while len(submission.times) < count // 3:
            time.sleep(0.01)
        killed = time.perf_counter()
        cluster.masters()[0].stop()
        submission.end()
        for worker in workers:
            worker.end()
    times = submission.times
    window = 1.0
    before = sum(killed - 2 * window <= at < killed for at in times) / 2
    # The first second after the kill that is as good as those before it.
    usual = next((at - killed for at in times if at > killed and sum(
        at <= other < at + window for other in times) >= 0.8 * before),
        float("inf"))
    rest = [killed] + [at for at in times if at > killed]
    gap = max(later - earlier for earlier, later in zip(rest, rest[1:]))
    whole = submission.in_order(pictures)
    yield Row(
        "jobs: a master of a Cluster killed, node time-out 2 s",
        "no error, normal within 5 s",
        f"{len(times)} of {count} results, "
        f"{'no error' if whole else 'NOT in order'}; {before:.0f} a second "
        f"before it, again after {usual:.1f} s; longest pause {gap:.1f} s",
        whole and usual <= 5)


def rows(Row, program, place, photo):
    from redis_servers import RedisServer
    with tempfile.TemporaryDirectory(prefix="ocelli-jobs-") as name:
        folder = pathlib.Path(name)
        bench = Bench(program, place, folder)
        with RedisServer(folder) as redis:
            yield from no_work(Row, bench, redis)
            yield from deaths(Row, bench, redis)
            yield from two_workers(Row, bench, redis, photo)
        yield from dead_master(Row, bench, folder)
