"""Results in Redis: what finding one costs, and the article's way of it.

Redis on one processor, whoever asks on the other.
"""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = 400
FILE_BYTES = 200_000
ROUNDS = 7

sys.path.insert(0, str(ROOT / "tests/integration"))
from redis_servers import RedisServer  # noqa: E402


def in_real_time():
    """What puts a program before all others, where that is allowed."""
    words = ["chrt", "-f", "10"]
    allowed = subprocess.run([*words, "true"], capture_output=True)
    return words if allowed.returncode == 0 else []


def pin_to_last(server):
    last = sorted(os.sched_getaffinity(0))[-1]
    os.sched_setaffinity(server.process.pid, {last})
    if in_real_time():
        os.sched_setscheduler(
            server.process.pid, os.SCHED_FIFO, os.sched_param(10)
        )


def asked(*words):
    """The JSON line that a program prints, pinned to the first processor."""
    first = sorted(os.sched_getaffinity(0))[0]
    done = subprocess.run(
        [*in_real_time(), "taskset", "-c", str(first), *map(str, words)],
        capture_output=True, text=True, check=True,
    )
    return json.loads(done.stdout)


def measure(build):
    """Every figure by name; medians of rounds taken in turn."""
    tool = build / "bench/cached_recognition"
    # Debian's own, which has python3-redis.
    peer = ["/usr/bin/python3", ROOT / "bench/peers/shared_cache/measure.py"]
    figures = {}
    with tempfile.TemporaryDirectory(prefix="ocelli-bench-") as name, \
            RedisServer(pathlib.Path(name)) as server:
        pin_to_last(server)
        folder = pathlib.Path(name) / "photos"
        folder.mkdir()
        for i in range(FILES):
            content = random.Random(i).randbytes(FILE_BYTES)
            (folder / f"{i:04}.jpg").write_bytes(content)
        url = server.url

        def fill(faces, points):
            return asked(tool, url, folder, "fill", faces, points)

        # One face with its mesh, as recognition leaves it; and none.
        for name, faces, points in (("mesh", 1, 478), ("plain", 6, 0)):
            size = fill(faces, points)["value_bytes"]
            rounds = [asked(tool, url, folder, "parts") for _ in range(ROUNDS)]
            middle = sorted(rounds, key=lambda r: r["ratio"])[ROUNDS // 2]
            figures[name] = dict(middle, value_bytes=size)
        asked(*peer, server.port, folder, "fill")
        rates = {"peer": [], "one": [], "several": []}
        for _ in range(ROUNDS):
            for who, words in (
                ("peer", [*peer, server.port, folder, "files"]),
                ("one", [tool, url, folder, "files", 1]),
                ("several", [tool, url, folder, "files", 8]),
            ):
                rates[who].append(asked(*words)["per_s"])
        fill(1, 478)
        rates["mesh"] = [
            asked(tool, url, folder, "files", 8)["per_s"]
            for _ in range(ROUNDS)
        ]
    figures["per_s"] = {
        who: statistics.median(values) for who, values in rates.items()
    }
    return figures


def rows(figures):
    """What was asked for, measured, and whether it was reached."""
    for name, what in (
        ("mesh", "one face with its mesh"),
        ("plain", "six faces without meshes"),
    ):
        part = figures[name]
        yield (
            "cached recognition over Redis, against a bare hiredis GET of the "
            f"same value, plus the hash: {what}, "
            f"{part['value_bytes'] / 1000:.1f} kB",
            "<= 1.5x",
            f"{part['ratio']:.2f}x ({part['whole_us'] - part['hash_us']:.1f} / "
            f"{part['get_us']:.1f} us; hash {part['hash_us']:.1f} us)",
            part["ratio"] <= 1.5,
        )
    rate = figures["per_s"]
    for name, what, least in (
        ("one", "one request in flight", 2.0),
        ("several", "eight in flight", 2.7),
        ("mesh", "eight, a mesh in each value", None),
    ):
        ratio = rate[name] / rate["peer"]
        yield (
            "200 kB files on one core, against open, MD5, StrictRedis.get, "
            f"unpickle: {what}",
            f">= {least}x" if least else "",
            f"{ratio:.2f}x ({rate[name]:.0f} / {rate['peer']:.0f} a second)",
            ratio >= least if least else None,
        )
