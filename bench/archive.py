"""Figures of the archive, against a store that answers each PUT after 1.05 s
(tests/integration/faulty_s3.py). OCELLI_BENCH_DATA's video/ has the frames."""

import datetime
import json
import os
import pathlib
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/integration"))

VIDEO = "openh264_VID_1920x1080.264"
LATENCY = 1.05
MEGABYTE = 1 << 20
PEER = ROOT / "bench/peers/archive/measure.py"


class Run:
    """`ocelli archive ... --json`, watched: when each line came, how much
    memory and processor time it took."""

    def __init__(self, program, environment, *arguments):
        self.began = time.time()
        self.process = subprocess.Popen(
            [program, "archive", *map(str, arguments), "--json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self.lines, self.times, self.complaints = [], [], ""
        self.summary = {}
        self.resident = []
        self.peak = 0
        self.readers = [threading.Thread(target=self.read),
                        threading.Thread(target=self.read_complaints)]
        for reader in self.readers:
            reader.start()

    def read(self):
        for text in self.process.stdout:
            line = json.loads(text)
            if "summary" in line:
                self.summary = line["summary"]
            else:
                self.times.append(time.time())
                self.lines.append(line)
                if len(self.lines) % 10 == 0:
                    self.note_peak()

    def read_complaints(self):
        self.complaints = self.process.stderr.read()

    def running(self):
        # Without taking its end from end(), which wants its usage.
        return os.waitid(os.P_PID, self.process.pid,
                         os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def memory(self, name):
        """In bytes; None while it is ending."""
        try:
            status = pathlib.Path(
                f"/proc/{self.process.pid}/status").read_text()
            return int(re.search(rf"{name}:\s+(\d+) kB",
                                 status).group(1)) * 1024
        except (AttributeError, FileNotFoundError):
            return None

    def note_peak(self):
        """ru_maxrss would be that of this script, whose memory the child had
        until it became the program."""
        self.peak = max(self.peak, self.memory("VmHWM") or 0)

    def sample(self):
        now = self.memory("VmRSS")
        if now:
            self.resident.append(now)
        self.note_peak()

    def end(self, code=0):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.time() - self.began
        for reader in self.readers:
            reader.join()
        self.cpu = usage.ru_utime + usage.ru_stime
        if self.process.returncode != code:
            sys.exit(f"archive ended with {self.process.returncode}: "
                     f"{self.complaints}")
        return self

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.end(-signal.SIGKILL)

    def seconds_from_first_frame(self):
        """From when the first frame was taken until the last one was listed."""
        first = datetime.datetime.fromisoformat(
            self.lines[0]["time"].replace("Z", "+00:00")).timestamp()
        return self.times[-1] - first


def make_frames(video, folder, count):
    """JPEG files of the video's frames, over and over, no two alike."""
    from servers import ffmpeg
    folder.mkdir()
    ffmpeg("-stream_loop", -1, "-i", video, "-frames:v", count, "-vf",
           # What is written in the corner makes repeated frames differ.
           "drawtext=text=%{n}:fontsize=40:x=10:y=10", "-q:v", 3,
           folder / "%06d.jpg")
    files = sorted(folder.glob("*.jpg"))
    assert len(files) == count
    return files


def curl_seconds(files, store, folder, runs):
    """The same PUTs by curl, all at once."""
    settings = folder / "curl.txt"
    settings.write_text("".join(
        f'upload-file = "{file}"\n'
        f'url = "{store.endpoint}/{store.bucket}/curl/{file.name}"\n'
        'header = "Expect:"\nheader = "x-test: 1"\noutput = /dev/null\n'
        for file in files))
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(
            ["curl", "-sS", "--no-progress-meter", "--parallel",
             "--parallel-max", str(len(files)), "--parallel-immediate", "-K",
             settings], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def fifty_frames(row, program, place, video, folder):
    from object_stores import FaultyS3
    files = make_frames(video, folder / "fifty", 50)
    size = sum(file.stat().st_size for file in files) / len(files)
    with FaultyS3(folder, "fifty", discard=True) as store:
        store.order(latency=LATENCY)
        environment = {**place.environment, **store.environment()}
        runs = []
        for index in range(5):
            run = Run(program, environment, files[0].parent, "--to",
                      store.url(f"fifty{index}"))
            runs.append(run.end())
            assert [line["seq"] for line in run.lines] == list(range(50))
        seconds = statistics.median(
            run.seconds_from_first_frame() for run in runs)
        wall = statistics.median(run.wall for run in runs)
        cpu = statistics.median(run.cpu for run in runs)
        memory = max(run.peak for run in runs) / MEGABYTE
        curl = curl_seconds(files, store, folder, 5)
        yield row(
            f"50 frames, 1080p ({size / 1000:.0f} kB), {LATENCY} s a PUT: all "
            "acknowledged and listed in order",
            "<= 1.15 s after the first was taken",
            f"{seconds:.2f} s ({wall:.2f} s with start, manifest and end; curl "
            f"--parallel {curl:.2f} s)",
            seconds <= 1.15,
        )
        peers = {}
        for name, pool, processes, count in (
                ("2 processes", "prefork", 2, 1),
                ("50 processes", "prefork", 50, 5),
                ("gevent", "gevent", 50, 5)):
            done = subprocess.run(
                ["/usr/bin/python3", PEER, files[0].parent, store.bucket, pool,
                 str(processes), str(count)],
                env=environment, capture_output=True, text=True)
            if done.returncode:
                print(f"skipped: {done.stderr.strip()}", file=sys.stderr)
                return
            peers[name] = json.loads(done.stdout)
    yield row(
        "the same with Celery, Redis and boto3",
        "slower each",
        ", ".join(f"{name} {peer['seconds']:.2f} s"
                  for name, peer in peers.items()),
        all(peer["seconds"] > seconds for peer in peers.values()),
    )
    least = min(peer["cpu_seconds"] for peer in peers.values())
    yield row(
        "processor time of those 50, start and end included",
        "<= 1/4 of the least there",
        f"{cpu:.2f} s against " + ", ".join(
            f"{peer['cpu_seconds']:.2f}" for peer in peers.values()),
        cpu <= least / 4,
    )
    gevent = peers["gevent"]["pss_megabytes"]
    yield row(
        "memory of the same",
        "<= 1/4 of gevent's",
        f"{memory:.0f} MB against " + ", ".join(
            f"{peer['pss_megabytes']:.0f}" for peer in peers.values()),
        memory <= gevent / 4,
    )


def sha256_seconds(files):
    """Of one of them, on average."""
    import hashlib
    bodies = [file.read_bytes() for file in files]
    start = time.process_time()
    for body in bodies:
        hashlib.sha256(body).digest()
    return (time.process_time() - start) / len(bodies)


def cpu_of_a_frame(row, program, place, video, folder):
    """JPEG files go in as they are: nothing is decoded or encoded. What many
    frames take more than a few is without the start of the program; what
    remains of one without its SHA-256 is reading, spool, upload, order and
    manifest, down to the copies that the kernel makes."""
    from object_stores import FaultyS3
    few, many = 20, 1020
    files = make_frames(video, folder / "many", many)
    with FaultyS3(folder, "cpu", discard=True) as store:
        store.order(latency=LATENCY)
        environment = {**place.environment, **store.environment()}
        used = {few: [], many: []}
        for index in range(3):
            for count in used:
                used[count].append(Run(
                    program, environment, files[0].parent, "--limit", count,
                    "--to", store.url(f"cpu{count}-{index}")).end().cpu)
    hashing = sha256_seconds(files)
    frame = (statistics.median(used[many]) - statistics.median(used[few])) / (
        many - few)
    rest = (frame - hashing) * 1e3
    size = sum(file.stat().st_size for file in files) / len(files) / 1000
    yield row(
        f"processor time of a frame ({size:.0f} kB) beyond decode, JPEG and "
        "SHA-256",
        "<= 0.5 ms",
        f"{rest:.2f} ms ({frame * 1e3:.2f} without {hashing * 1e3:.2f})",
        rest <= 0.5,
    )


def cameras_file(folder, store, name, url, count):
    """Settings of several cameras that archive into one store."""
    path = folder / f"{name}.toml"
    path.write_text("".join(
        f'[camera.{name}{index}]\nsource = "{url}"\n'
        f'to = "{store.url(f"{name}{index}")}"\n'
        for index in range(count)))
    return path


def queue_lengths(program, environment, name, count):
    """Frames that wait or are on their way, of all cameras."""
    total = 0
    for index in range(count):
        done = subprocess.run(
            [program, "archive", "status", f"{name}{index}", "--json"],
            env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            status = json.loads(done.stdout)
            total += status["waiting"] + status["in_flight"]
    return total


def four_cameras(row, program, place, camera, folder, seconds):
    from object_stores import FaultyS3
    count = 4
    with FaultyS3(folder, "cameras", discard=True) as store:
        store.order(latency=LATENCY)
        environment = {**place.environment, **store.environment()}
        settings = cameras_file(folder, store, "four", camera.url(), count)
        run = Run(program, environment, "--config", settings, "--duration",
                  seconds)
        lengths = []
        while run.running() and len(lengths) < 10 * seconds:
            time.sleep(1)
            run.sample()
            lengths.append(queue_lengths(program, environment, "four", count))
        run.end()
    # Without the first seconds, when nothing was answered yet, and the last.
    settled = lengths[5:seconds - 1]
    third = max(1, len(settled) // 3)
    first = statistics.mean(settled[:third])
    last = statistics.mean(settled[-third:])
    frames = len(run.lines)
    dropped = sum(bool(line.get("dropped")) for line in run.lines)
    late = run.summary.get("late", 0)
    yield row(
        f"4 cameras, 1080p30, {LATENCY} s a PUT, {seconds} s",
        "queue flat, nothing dropped",
        f"{first:.0f} frames under way in the first third, {last:.0f} in the "
        f"last, at most {max(settled)}; {dropped + late} of {frames} dropped; "
        f"{run.cpu / run.wall:.2f} cores, {max(run.resident) / MEGABYTE:.0f} "
        "MB",
        last <= 1.2 * first and dropped + late == 0
        and frames >= 0.97 * 30 * seconds * count,
    )


def outage(row, program, place, camera, folder, seconds):
    """Memory while four cameras cannot store anything, and what is missing
    after."""
    from object_stores import FaultyS3
    count = 4
    with FaultyS3(folder, "outage", discard=True) as store:
        store.order(latency=LATENCY)
        environment = {**place.environment, **store.environment()}
        settings = cameras_file(folder, store, "out", camera.url(), count)
        run = Run(program, environment, "--config", settings, "--duration",
                  seconds + 15)
        time.sleep(10)
        store.order(refuse=True)
        begun = time.monotonic()
        during = []
        while time.monotonic() - begun < seconds:
            time.sleep(1)
            run.sample()
            during.append(run.resident[-1])
        store.order(refuse=False)
        while run.running() and time.monotonic() - begun < 900:
            time.sleep(1)
            run.sample()
        run.end()
        by_camera = {}
        for line in run.lines:
            by_camera.setdefault(line["camera"], []).append(line["seq"])
    third = max(1, len(during) // 3)
    growth = (statistics.mean(during[-third:]) -
              statistics.mean(during[third:2 * third])) / MEGABYTE
    whole = all(seqs == list(range(len(seqs))) for seqs in by_camera.values())
    yield row(
        f"memory of the same while the store is away for {seconds} s",
        "<= 150 MB, independent of how long",
        f"{run.peak / MEGABYTE:.0f} MB at most, {growth:+.1f} MB from the "
        f"second to the last third; {len(run.lines)} frames in order after",
        run.peak <= 150 * MEGABYTE and growth < 5 and whole
        and len(by_camera) == count,
    )


def kills(row, program, place, video, folder, seconds):
    """kill -9 at random moments, and an outage, of the archive of a video."""
    from object_stores import FaultyS3
    from servers import ffmpeg
    times, frames = 20, 800
    clip = folder / "kills.mp4"
    ffmpeg("-stream_loop", -1, "-i", video, "-frames:v", frames, "-vf",
           "drawtext=text=%{n}:fontsize=40:x=10:y=10", "-r", 25, "-c:v",
           "libx264", "-preset", "ultrafast", clip)
    chance = random.Random(20)
    with FaultyS3(folder, "kills") as store:
        store.order(latency=0.2)
        environment = {**place.environment, **store.environment()}
        run = Run(program, environment, clip, "--to", store.url(), "--task",
                  "kills", "--parallel", 8)
        resumed = 0
        for index in range(times):
            goal = chance.randrange(0, 30)
            while run.running() and len(run.lines) < goal:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.5)
            if index == times // 2:
                store.order(refuse=True)
                time.sleep(seconds)
            run.kill()
            store.order(refuse=False)
            run = Run(program, environment, "resume", "kills")
            resumed += 1
        run.end()
        results = subprocess.run(
            [program, "archive", "results", "kills", "--json"],
            env=environment, capture_output=True, text=True, check=True)
        verified = subprocess.run(
            [program, "archive", "verify", store.url(), "--json"],
            env=environment, capture_output=True, text=True)
        stored = sum(key.endswith(".jpg") for key in store.keys())
    seqs = [json.loads(line)["seq"] for line in results.stdout.splitlines()]
    findings = json.loads(verified.stdout)["findings"]
    yield row(
        f"kill -9 at {resumed} random moments and an outage of {seconds} s",
        "no seq missing, none twice, order right, verify clean",
        f"{len(seqs)} of {frames} in order, {stored} objects, "
        f"{len(findings)} findings",
        seqs == list(range(frames)) and not findings,
    )


def rows(row, program, place, videos):
    """Every figure; OCELLI_BENCH_SECONDS: of cameras, 30 unless set."""
    from servers import RtspServer, ffmpeg
    seconds = int(os.environ.get("OCELLI_BENCH_SECONDS", 30))
    with tempfile.TemporaryDirectory(prefix="ocelli-archive-") as name:
        folder = pathlib.Path(name)
        # With time stamps, without which it can't be played over and over.
        video = folder / "video.mp4"
        ffmpeg("-r", 25, "-i", videos / VIDEO, "-c", "copy", video)
        yield from fifty_frames(row, program, place, video, folder)
        yield from cpu_of_a_frame(row, program, place, video, folder)
        # As a camera sends it: no B-frames, 30 a second.
        clip = folder / "camera.mp4"
        ffmpeg("-stream_loop", -1, "-i", video, "-t", 10, "-r", 30, "-vf",
               "drawtext=text=%{n}:fontsize=40:x=10:y=10", "-c:v", "libx264",
               "-preset", "veryfast", "-bf", 0, "-g", 30, clip)
        with RtspServer(folder, clip) as camera:
            yield from four_cameras(row, program, place, camera, folder,
                                    seconds)
            yield from outage(row, program, place, camera, folder,
                              min(60, seconds))
        yield from kills(row, program, place, video, folder, min(60, seconds))
