"""Figures of live video. OCELLI_BENCH_DATA's video/ is what they are of; the
servers are those of tests/integration."""

import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/integration"))

FACE = "liveportrait_s18.mp4"  # 1280x720, 30 a second, one face.
# What bare stages take of one core a frame at 720p, in milliseconds: decoding,
# mesh, x264 veryfast.
BARE_STAGES = (1.1, 2.2, 8.5)
MEGABYTE = 1 << 20


def cpu_seconds(run):
    """What the children that `run` waits for took, and its answer."""
    def now():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    before = now()
    answer = run()
    return now() - before, answer


def summary_of(place, *arguments):
    _, printed, complaints = place.command("live", *arguments, "--json")
    if not printed:
        sys.exit(f"live {' '.join(map(str, arguments))}: {complaints}")
    return json.loads(printed.splitlines()[-1])


def file_to_file(row, place, video, folder):
    runs = [
        summary_of(place, video, "--effect", "beauty", "--effect", "overlay",
                   "--out", folder / "out.mp4")
        for _ in range(3)
    ]
    fps = statistics.median(run["fps"] for run in runs)
    cores = min(2, os.cpu_count())
    bound = cores * 1000 / sum(BARE_STAGES)
    yield row(
        "720p, one face, beauty and overlay, file to file",
        ">= 80 fps, >= 0.80 of the bare stages",
        f"{fps:.0f} fps, {fps / bound:.2f} of {bound:.0f}",
        fps >= 80 and fps >= 0.8 * bound,
    )


def overhead(row, place, video, folder):
    """CPU time without effects against ffmpeg with the same settings."""
    ratios, times = [], []
    for _ in range(3):
        ours, _ = cpu_seconds(lambda: summary_of(
            place, video, "--out", folder / "out.mp4"))
        theirs, _ = cpu_seconds(lambda: subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", video, "-c:v",
             "libx264", "-preset", "veryfast", "-crf", "23", "-g", "60", "-c:a",
             "copy", folder / "theirs.mp4"], check=True))
        ratios.append(ours / theirs)
        times.append((ours, theirs))
    ratio = statistics.median(ratios)
    ours, theirs = times[ratios.index(ratio)]
    yield row(
        "overhead without effects, CPU time against ffmpeg",
        "<= 1.10x",
        f"{ratio:.2f}x ({ours:.2f} s / {theirs:.2f} s)",
        ratio <= 1.10,
    )


def as_camera(ffmpeg, video, folder, size, rate, name):
    """The same as a camera would send it: no B-frames."""
    made = folder / name
    ffmpeg("-i", video, "-vf", f"scale={size}", "-r", rate, "-an", "-c:v",
           "libx264", "-preset", "veryfast", "-bf", 0, "-g", rate, made)
    return made


def resident_bytes(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def camera_to_rtmp(row, program, place, video, folder, seconds):
    from servers import RtmpServer, RtspServer, ffmpeg
    clip = as_camera(ffmpeg, video, folder, "1280:720", 30, "camera.mp4")
    sizes = []
    with RtspServer(folder, clip) as camera, RtmpServer(folder) as server:
        with subprocess.Popen(
            [program, "live", camera.url(), "--effect", "beauty", "--out",
             server.url("cam"), "--duration", str(seconds), "--json"],
            env=place.environment, stdout=subprocess.PIPE, text=True,
        ) as process:
            while process.poll() is None:
                time.sleep(1)
                try:
                    sizes.append(resident_bytes(process))
                except (AttributeError, FileNotFoundError):
                    break  # It is ending.
            summary = json.loads(process.stdout.read().splitlines()[-1])
    latency = summary["latency_ms"]
    yield row(
        f"RTSP in, beauty, RTMP out, 720p30, {seconds} s: added latency",
        "p95 <= 120 ms, nothing dropped",
        f"p50 {latency['p50']:.0f}, p95 {latency['p95']:.0f}, p99 "
        f"{latency['p99']:.0f} ms; {summary['dropped']} of "
        f"{summary['frames_in']} dropped",
        latency["p95"] <= 120 and summary["dropped"] == 0,
    )
    # The first minute, or third, fills caches and queues.
    settled = sizes[min(60, len(sizes) // 3):]
    growth = (settled[-1] - settled[0]) / MEGABYTE
    yield row(
        f"memory of the same from then on, {len(settled)} s",
        "growth < 5 MB",
        f"{growth:+.1f} MB at {settled[-1] / MEGABYTE:.0f} MB",
        growth < 5,
    )


def four_cameras(row, program, place, video, folder):
    from servers import RtspServer, ffmpeg
    clip = as_camera(ffmpeg, video, folder, "640:360", 25, "small.mp4")
    seconds = 20
    with RtspServer(folder, clip) as camera:
        urls = [camera.url()] * 4
        start = time.perf_counter()

        def run():
            return subprocess.run(
                [program, "live", *urls, "--analyze", folder / "faces.jsonl",
                 "--analyze-fps", "5", "--duration", str(seconds), "--json"],
                env=place.environment, capture_output=True, text=True,
                check=True,
            )
        # The camera is a child that is not waited for in between.
        cpu, _ = cpu_seconds(run)
        cores = cpu / (time.perf_counter() - start)
    yield row(
        "4 cameras, 360p25, faces at 5 a second",
        "<= 1.5 cores",
        f"{cores:.2f} cores",
        cores <= 1.5,
    )


def rows(row, program, place, videos):
    """Every figure; OCELLI_BENCH_SECONDS: of the camera, 60 unless set."""
    video = videos / FACE
    seconds = int(os.environ.get("OCELLI_BENCH_SECONDS", 60))
    with tempfile.TemporaryDirectory(prefix="ocelli-live-") as name:
        folder = pathlib.Path(name)
        yield from file_to_file(row, place, video, folder)
        yield from overhead(row, place, video, folder)
        yield from camera_to_rtmp(row, program, place, video, folder, seconds)
        yield from four_cameras(row, program, place, video, folder)
