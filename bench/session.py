"""Figures of live sessions that move. OCELLI_BENCH_DATA's video/ is what they
are of; camera and Redis are those of tests/integration."""

import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import live as live_video

sys.path.append(str(live_video.ROOT / "tests/integration"))

MOVES = 5


class Run:
    """A process that has the session, and the lines that it writes."""

    def __init__(self, program, place, folder, number, *arguments):
        self.path = folder / f"faces-{number}.jsonl"
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [program, "live", *arguments, "--analyze", self.path,
             "--out", folder / f"out-{number}.mkv", "--json"],
            env=place.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )

    def lines(self):
        if not self.path.exists():
            return []
        whole = self.path.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait(self, condition, what):
        while not condition():
            if self.process.poll() is not None:
                sys.exit(f"{what}: {self.process.stderr.read()}")
            if time.perf_counter() > self.begun + 60:
                sys.exit(f"no {what} within a minute")
            time.sleep(0.002)

    def until_first_frame(self):
        self.wait(lambda: self.path.exists() and self.path.stat().st_size > 0,
                  "first frame")
        return time.perf_counter() - self.begun

    def people(self):
        """Tracks and names in every line with faces."""
        return [
            {(face["track"], face["name"]) for face in line["faces"]}
            for line in self.lines() if line["faces"]
        ]

    def kill(self):
        self.process.kill()
        self.process.communicate()


def moves(row, program, place, folder, camera, redis):
    arguments = [camera.url(), "--session", "bench", "--redis", redis.url]
    run = Run(program, place, folder, 0, *arguments)
    key = "ocelli:{session:bench}"
    # In three votes and the verdict.
    run.wait(lambda: (redis.run("HGET", key, "state") or b"").count(
        b"Somebody") >= 4, "name in Redis")
    # The frame is still on its way out.
    run.wait(lambda: any(name for _, name in run.people()[-1]), "name")
    before = run.people()[-1]
    times, same = [], True
    for number in range(1, MOVES + 1):
        # The state is kept anew by then, and the lease is at its longest.
        run.kill()
        run = Run(program, place, folder, number, *arguments)
        times.append(run.until_first_frame())
        run.wait(lambda: len(run.people()) >= 30, "thirty frames with faces")
        same = same and all(people == before for people in run.people())
    run.kill()
    yield row(
        f"live session moved after kill -9, 720p30, {MOVES} times: first frame "
        "out",
        "<= 3 s, same track ids and names",
        f"{statistics.median(times):.2f} s, at most {max(times):.2f} s; ids "
        f"and names {'the same in every frame' if same else 'differ'}",
        max(times) <= 3 and same,
    )


def cost(row, place, folder, video, redis):
    """CPU time of a file with and without a session, taken in turn."""
    with_it, without, frames = [], [], 0
    figures = folder / "figures"
    for number in range(5):
        for times, more in (
                (without, []),
                (with_it, ["--session", f"cost-{number}", "--redis",
                           redis.url, "--metrics", figures])):
            seconds, summary = live_video.cpu_seconds(
                lambda: live_video.summary_of(
                    place, video, "--analyze", folder / "cost.jsonl", *more))
            times.append(seconds)
            frames = summary["frames_out"]
    ratio = statistics.median(
        kept / alone for kept, alone in zip(with_it, without))
    text = figures.read_text()

    def value(name):
        return float(re.search(rf"^{name} (\S+)", text, re.MULTILINE)[1])
    count = value("ocelli_live_session_save_seconds_count")
    save = value("ocelli_live_session_save_seconds_sum") / count
    yield row(
        f"keeping it: CPU time of {frames} frames against without",
        "",
        f"{ratio:.3f}x; a save takes {save * 1e3:.2f} ms in its own thread, "
        f"{value('ocelli_live_session_state_bytes') / 1e3:.1f} kB",
    )


def rows(row, program, place, videos):
    from redis_servers import RedisServer
    from servers import RtspServer, ffmpeg
    video = videos / live_video.FACE
    with tempfile.TemporaryDirectory(prefix="ocelli-session-") as name:
        folder = pathlib.Path(name)
        picture = folder / "somebody.png"
        ffmpeg("-i", video, "-frames:v", 1, picture)
        place.command("people", "add", "Somebody", picture)
        clip = live_video.as_camera(ffmpeg, video, folder, "1280:720", 30,
                                    "camera.mp4")
        with RtspServer(folder, clip) as camera, RedisServer(folder) as redis:
            yield from moves(row, program, place, folder, camera, redis)
            yield from cost(row, place, folder, video, redis)
