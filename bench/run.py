#!/usr/bin/env python3
"""End-to-end figures of the built program, against what they are to reach.

    bench/run.py [--write] [SCENARIO...]

Scenarios: single, folder, models, index, lfw, wider, retrieval, embedding,
album, live, archive, session, cache, jobs, serve; all without a name. They use the
programs in build/bench, the models and demo photos that ./dev run installed, and
where they need more the folder that OCELLI_BENCH_DATA names (with lfw/, wider/,
retrieval/corel/, video/ in it). The results, people and collections of this
user are not touched.
--write puts the table into docs/benchmarks.md.
"""

import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import archive as frame_archive
import jobs as shared_jobs
import live as live_video
import serve as service
import session as live_session
import shared_cache

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/bench"
PROGRAM = BUILD / "ocelli"
DOCUMENT = ROOT / "docs/benchmarks.md"
HOME = pathlib.Path.home()
DATA = (
    pathlib.Path(os.environ.get("XDG_DATA_HOME", HOME / ".local/share"))
    / "ocelli"
)
PHOTOS = DATA / "demo/photos"
MEGABYTE = 1 << 20


class Row:
    """One line of the table; `good` is None where nothing is to be reached."""

    def __init__(self, what, reach, measured, good=None):
        verdict = {True: "reached", False: "missed", None: ""}[good]
        self.cells = [what, reach, measured, verdict]

    def __str__(self):
        return "| " + " | ".join(self.cells) + " |"


class Place:
    """A data folder with the user's models, nobody enrolled, no results."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ocelli-bench-")
        root = pathlib.Path(self.folder.name)
        (root / "data/ocelli").mkdir(parents=True)
        (root / "data/ocelli/models").symlink_to(DATA / "models")
        (root / "data/ocelli/demo").symlink_to(DATA / "demo")
        self.environment = dict(
            os.environ,
            XDG_DATA_HOME=str(root / "data"),
            XDG_CACHE_HOME=str(root / "cache"),
        )
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def command(self, *arguments):
        """Runs the program; seconds, what it printed, what it complained."""
        start = time.perf_counter()
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(map(str, done.args))}: {done.stderr}")
        return seconds, done.stdout, done.stderr


def seconds_of(*command):
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return time.perf_counter() - start


def single():
    """One photo: cold and computed, cold and cached."""
    photo = PHOTOS / "sample1.jpg"
    pattern = re.compile(
        r"opening or running models ([\d.]+) ms, running models ([\d.]+) ms"
    )
    shares, opening_shares, wholes = [], [], []
    with Place() as place:
        place.command("recognize", photo)  # Leaves the optimised graphs.
    for _ in range(11):
        with Place() as place:
            whole, _, complaints = place.command(
                "recognize", photo, "--timing"
            )
        inside, running = map(float, pattern.search(complaints).groups())
        wholes.append(whole * 1e3)
        shares.append(1 - inside / (whole * 1e3))
        opening_shares.append((inside - running) / (whole * 1e3))
    share = statistics.median(shares)
    yield Row(
        "one photo, cold process, nothing cached: time outside the models",
        "<= 35 %",
        f"{share:.0%} of {statistics.median(wholes):.0f} ms (opening the "
        f"models another {statistics.median(opening_shares):.0%})",
        share <= 0.35,
    )
    with Place() as place:
        place.command("recognize", photo)
        times = [place.command("recognize", photo)[0] for _ in range(31)]
    median = statistics.median(times) * 1e3
    yield Row(
        "cached single photo, cold process",
        "<= 30 ms",
        f"{median:.1f} ms (fastest {min(times) * 1e3:.1f})",
        median <= 30,
    )


def resident_bytes(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def recognize_watched(place, folder):
    """Resident bytes after each picture of the first pass over a folder."""
    sizes = []
    with subprocess.Popen(
        [PROGRAM, "recognize", folder, "--json"],
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        for _ in process.stdout:
            sizes.append(resident_bytes(process))
    return sizes


def second_pass(place, folder, name):
    """A folder whose results are cached, and only hashing it."""
    again, hashing = [], []
    for _ in range(5):
        again.append(place.command("recognize", folder)[0])
        hashing.append(seconds_of(BUILD / "bench/hash_files", folder))
    ratio = statistics.median(again) / statistics.median(hashing)
    return Row(
        f"a folder a second time, {name}, against hashing the files",
        "<= 1.5x",
        f"{ratio:.2f}x ({statistics.median(again) * 1e3:.0f} ms / "
        f"{statistics.median(hashing) * 1e3:.0f} ms)",
        ratio <= 1.5,
    )


def folder():
    """1000 large photos: memory, and the second time."""
    count = 1000
    with tempfile.TemporaryDirectory(prefix="ocelli-photos-") as name:
        photos = sorted(PHOTOS.glob("*.jpg"))
        seconds_of(BUILD / "bench/make_photos", name, count, *photos)
        with Place() as place:
            start = time.perf_counter()
            sizes = recognize_watched(place, name)
            seconds = time.perf_counter() - start
            after_ten, last, most = sizes[9], sizes[-1], max(sizes)
            yield Row(
                f"memory, {count} photos of 10 megapixels",
                "flat after the first ten, <= 500 MB",
                f"{after_ten / MEGABYTE:.0f} MB after ten, "
                f"{last / MEGABYTE:.0f} MB at the end, never over "
                f"{most / MEGABYTE:.0f} MB; {count / seconds:.1f} photos/s",
                len(sizes) == count
                and most <= 500 * MEGABYTE
                and most <= 1.1 * max(sizes[:20]),
            )
            yield second_pass(place, name, f"{count} photos of 10 megapixels")
    lfw = bench_data("lfw/images")
    if lfw:
        with Place() as place:
            place.command("recognize", lfw)
            yield second_pass(place, lfw, "LFW, small photos")


def micro_benchmarks(program, *arguments):
    """The name and the milliseconds of each case of a program."""
    if not program.exists():
        return
    done = subprocess.run(
        [program, "--benchmark_format=json", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    for bench in json.loads(done.stdout)["benchmarks"]:
        unit = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}[bench["time_unit"]]
        yield bench, bench["real_time"] * unit


def index():
    """Searching vectors; see src/index/index_bench.cc for what they are."""
    for bench, ms in micro_benchmarks(BUILD / "src/index/index_bench"):
        counters = ", ".join(
            f"{name} {value:.4g}"
            for name, value in bench.items()
            if isinstance(value, float) and "time" not in name
        )
        yield Row(bench["name"], "", f"{ms:.2f} ms {counters}".strip())


def models():
    """The graphs as they come against what the import makes of them."""
    for bench, ms in micro_benchmarks(BUILD / "src/models/models_bench"):
        yield Row(bench["name"], "", f"{ms:.2f} ms")


def bench_data(below):
    root = os.environ.get("OCELLI_BENCH_DATA")
    path = pathlib.Path(root) / below if root else None
    if path and path.exists():
        return path
    print(f"skipped: no {below} below OCELLI_BENCH_DATA", file=sys.stderr)
    return None


def lfw():
    root = bench_data("lfw")
    if not root:
        return
    with Place() as place:
        _, printed, _ = place.command(
            "eval", "faces", "--pairs", root / "pairs.tsv",
            "--images", root / "images", "--json",
        )
    figures = json.loads(printed)
    accuracy, rate = figures["accuracy"], figures["tar_at_far_0.001"]
    without = figures["without_face"]
    yield Row(
        f"LFW, {figures['pairs']} pairs",
        "accuracy >= 99.5 %, TAR at FAR 0.1 % >= 0.99, none without a face",
        f"{accuracy:.2%}, {rate:.4f}, {without} without a face",
        accuracy >= 0.995 and rate >= 0.99 and without == 0,
    )


def wider():
    root = bench_data("wider")
    if not root:
        return
    with Place() as place:
        _, printed, _ = place.command(
            "eval", "detection", "--boxes", root / "boxes.txt",
            "--images", root / "images", "--json",
        )
    figures = json.loads(printed)
    recall = figures["recall_50_at_fp_0.1"]
    yield Row(
        f"WIDER, {figures['images']} photos, faces of 50 px and more",
        "recall >= 0.82 at <= 0.1 false positives a photo",
        f"{recall:.3f} (20 to 50 px: "
        f"{figures['recall_20_50_at_fp_0.1']:.3f})",
        recall >= 0.82,
    )


def retrieval():
    photos = bench_data("retrieval/corel")
    if not photos:
        return
    with Place() as place, tempfile.NamedTemporaryFile("w") as labels:
        for photo in photos.glob("*.jpg"):
            print(photo.stem, int(photo.stem) // 100, sep="\t", file=labels)
        labels.flush()
        place.command("collection", "create", "corel")
        place.command("collection", "add", "corel", photos)
        _, printed, _ = place.command(
            "eval", "retrieval", "corel", "--labels", labels.name, "--json"
        )
    figures = json.loads(printed)
    yield Row(
        f"Corel, {figures['images']} photos of 10 kinds, Lite0",
        "mAP >= 0.90",
        f"mAP {figures['map']:.4f}, P@10 {figures['p_at_10']:.3f}",
        figures["map"] >= 0.90,
    )


def embedding():
    """Photos to vectors against the bare model, and against a peer."""
    photos = bench_data("retrieval/corel")
    if not photos:
        return
    for model in ("efficientnet-lite0", "resnet50"):
        figures = json.loads(subprocess.run(
            [BUILD / "bench/embed_folder", DATA / "models", model, photos],
            capture_output=True, text=True, check=True,
        ).stdout)
        ratio = figures["per_s"] / figures["bare_per_s"]
        yield Row(
            f"embedding a folder, {model}, against the bare model",
            ">= 0.90",
            f"{ratio:.2f} ({figures['per_s']:.0f} of "
            f"{figures['bare_per_s']:.0f} images/s)",
            ratio >= 0.90,
        )
        cache = os.environ.get("XDG_CACHE_HOME", HOME / ".cache")
        modules = pathlib.Path(cache) / "ocelli/deps/parity/node_modules"
        if model != "efficientnet-lite0" or not modules.exists():
            continue
        peer = json.loads(subprocess.run(
            ["node", ROOT / "bench/peers/embed.mjs", modules,
             DATA / "models" / model / "model.onnx", photos],
            capture_output=True, text=True, check=True,
        ).stdout)
        ratio = figures["per_s"] / peer["per_s"]
        yield Row(
            "the same against onnxruntime-node and sharp, pipelined",
            ">= 1.4x",
            f"{ratio:.2f}x ({peer['per_s']:.0f} images/s there)",
            ratio >= 1.4,
        )


def album():
    with Place() as place:
        with tempfile.TemporaryDirectory() as out:
            _, printed, _ = place.command("demo", "--json", "--out", out)
    yield Row("album tags of the demo", "all right, nobody wrong", printed)


def with_videos(rows):
    videos = bench_data("video")
    if videos:
        with Place() as place:
            yield from rows(Row, PROGRAM, place, videos)


def live():
    """Files and cameras through the whole of it; see bench/live.py."""
    yield from with_videos(live_video.rows)


def archive():
    """Frames in object storage; see bench/archive.py."""
    yield from with_videos(frame_archive.rows)


def session():
    """Live sessions that move to another process; see bench/session.py."""
    yield from with_videos(live_session.rows)


def cache():
    """Results found in Redis."""
    for row in shared_cache.rows(shared_cache.measure(BUILD)):
        yield Row(*row)


def jobs():
    """Work shared out through Redis; see bench/jobs.py."""
    with Place() as place:
        yield from shared_jobs.rows(Row, PROGRAM, place, PHOTOS / "sample1.jpg")


def serve():
    """The service; see bench/serve.py."""
    photos = sorted(PHOTOS.glob("sample*.jpg"))
    with Place() as place, tempfile.TemporaryDirectory() as folder:
        yield from service.rows(Row, BUILD, place, photos,
                                pathlib.Path(folder))


SCENARIOS = [
    single, folder, models, index, lfw, wider, retrieval, embedding, album,
    live, archive, session, cache, jobs, serve,
]


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{model.group(1) if model else platform.machine()}, "
        f"{os.cpu_count()} cores, {memory / (1 << 30):.0f} GiB, "
        f"{time.strftime('%Y-%m-%d')}"
    )


def main():
    names = [name for name in sys.argv[1:] if name != "--write"]
    chosen = [s for s in SCENARIOS if not names or s.__name__ in names]
    if len(chosen) < len(names):
        sys.exit(__doc__)
    table = [
        f"Machine: {machine()}.",
        "",
        "| what | reach | measured | |",
        "|---|---|---|---|",
    ]
    print("\n".join(table), flush=True)
    for scenario in chosen:
        for row in scenario():
            table.append(str(row))
            print(row, flush=True)
    if "--write" in sys.argv:
        before, rest = DOCUMENT.read_text().split("<!-- table -->\n")
        after = rest.split("<!-- end of table -->\n")[1]
        DOCUMENT.write_text(
            before + "<!-- table -->\n" + "\n".join(table)
            + "\n<!-- end of table -->\n" + after
        )


if __name__ == "__main__":
    main()
