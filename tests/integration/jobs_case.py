"""What the tests of jobs have in common: workers, pictures, and a Redis."""
import json
import os
import pathlib
import random
import signal
import subprocess

from case import MODELS, PROGRAM, Case, png
from servers import Process, wait_for


def picture(number, side=48):
    """A small PNG unlike those of other numbers; nobody is in it."""
    rows = random.Random(number).randbytes(side * (side * 3 + 1))
    rows = b"".join(b"\0" + rows[begin + 1:begin + side * 3 + 1]
                    for begin in range(0, len(rows), side * 3 + 1))
    return png(side, side, rows=rows)


class Worker(Process):
    """`ocelli worker --json` with a data folder of its own, as on another
    machine."""

    def __init__(self, folder, *arguments, name="worker", environment=None):
        super().__init__(folder, name)
        self.output = self.folder / f"{name}.jsonl"
        data = self.folder / f"{name}-data"
        data.mkdir(exist_ok=True)
        if not (data / "models").exists():
            (data / "models").symlink_to(MODELS)
        with open(self.log, "ab") as log, open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "worker", *map(str, arguments), "--json"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                env={**os.environ, "OCELLI_DATA": str(data),
                     **(environment or {})})

        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"the worker ended: {self.log_text()}")
            return "Ctrl-C" in self.log_text()
        try:
            wait_for(up, "a worker", 60)
        except AssertionError:
            self.stop()
            raise

    def lines(self):
        """What it did: one dict a job."""
        text = self.output.read_text()
        return [json.loads(line) for line in text.splitlines(True)
                if line.endswith("\n")]

    def computed(self):
        return [line for line in self.lines() if line.get("cached") is False]

    def end(self, seconds=60, code=0):
        """SIGTERM; its last words."""
        self.signal(signal.SIGTERM)
        ended = self.process.wait(seconds)
        self.process = None
        if ended != code:
            raise AssertionError(f"ended with {ended}: {self.log_text()}")
        return self.log_text()


class JobsCase(Case):
    redis = None  # A server; of the class.

    def setUp(self):
        super().setUp()
        if self.redis:
            self.redis.run("FLUSHALL")

    @property
    def at(self):
        return ("--redis", self.redis.url)

    def worker(self, *arguments, **options):
        options.setdefault("name", f"worker-{len(self.workers)}")
        started = Worker(self.folder, *(arguments or self.at), **options)
        self.addCleanup(started.stop)
        self.workers.append(started)
        return started

    @property
    def workers(self):
        return self.__dict__.setdefault("started_workers", [])

    def computed(self):
        """How often any worker computed something."""
        return sum(len(worker.computed()) for worker in self.workers)

    def pictures(self, count, name="pictures", first=0):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for number in range(first, first + count):
            (folder / f"{number:05}.png").write_bytes(picture(number))
        return folder

    def start(self, *arguments, stdout=subprocess.PIPE):
        """`ocelli ARGUMENTS` in the background."""
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)], text=True,
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            env={**os.environ, "OCELLI_DATA": str(self.data)})

        def stop():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(stop)
        return process

    def refuse(self, *arguments, says, code=1):
        """Runs what can't be done; each of `says` stands in the message."""
        done = self.run_program(*arguments, code=code)
        for part in says:
            self.assertIn(part, done.stderr)
        return done

    def paths(self, lines):
        return [pathlib.Path(line["path"]).name for line in lines]
