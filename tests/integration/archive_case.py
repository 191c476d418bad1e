"""What the tests of `ocelli archive` have in common: sources, places to archive
to, and a reader of archives that shares no code with the program."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest.mock
import urllib.parse

from case import PROGRAM, Case
from servers import ffmpeg, wait_for

CLIPS = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-clips-"))
CLIP = CLIPS / "clip.mp4"  # 75 frames of 320x240, 25 a second, all different.
LONG = CLIPS / "long.mp4"  # 300 of them.
CAMERA = CLIPS / "camera.mp4"  # 250, without B-frames.
FRAMES, WIDTH, HEIGHT, RATE = 75, 320, 240, 25


def make_clips():
    def clip(path, seconds, *arguments):
        ffmpeg("-f", "lavfi", "-i",
               f"testsrc2=s={WIDTH}x{HEIGHT}:r={RATE}:d={seconds}", "-c:v",
               "libx264", "-preset", "ultrafast", "-g", RATE, "-pix_fmt",
               "yuv420p", *arguments, path)
    clip(CLIP, 3)
    clip(LONG, 12)
    clip(CAMERA, 10, "-bf", 0)


def remove_clips():
    shutil.rmtree(CLIPS)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def pictures(folder, count, size="320x240"):
    """JPEG files that all differ, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", count,
           "-q:v", 3, folder / "%04d.jpg")
    return sorted(folder.glob("*.jpg"))


class Folder:
    """A directory as a place to archive to."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def url(self, prefix="cam1"):
        return f"dir:{self.path}/{prefix}"

    def environment(self):
        return {}

    def keys(self, prefix=""):
        files = (str(path.relative_to(self.path))
                 for path in self.path.rglob("*") if path.is_file())
        return sorted((name for name in files if name.startswith(prefix)),
                      key=str.encode)

    def get(self, key):
        return (self.path / key).read_bytes()

    def put(self, key, body):
        (self.path / key).parent.mkdir(parents=True, exist_ok=True)
        (self.path / key).write_bytes(body)

    def delete(self, key):
        (self.path / key).unlink()

    def link(self, key):
        return "file://" + urllib.parse.quote(str(self.path / key))


class ArchiveCase(Case):
    def setUp(self):
        super().setUp()
        # Cleanups run before the folder is removed, last comes first.
        self.servers = contextlib.ExitStack()
        self.addCleanup(self.servers.close)
        self.addCleanup(self.show_logs)
        # Nothing of this user's own.
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("AWS_")}
        clean["AWS_SHARED_CREDENTIALS_FILE"] = str(self.folder / "credentials")
        clean["AWS_CONFIG_FILE"] = str(self.folder / "config")
        patched = unittest.mock.patch.dict(os.environ, clean, clear=True)
        patched.start()
        self.addCleanup(patched.stop)

    def show_logs(self):
        # What unittest knows by now; there is no public way to ask.
        if not self._outcome.success:
            for log in sorted(self.folder.rglob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')}")

    def serve(self, server):
        """Starts it, and makes its store the program's."""
        self.servers.enter_context(server)
        if hasattr(server, "environment"):
            os.environ.update(server.environment())
        return server

    def archive(self, *arguments, **options):
        """The lines of frames, and the summary."""
        lines = self.json_lines("archive", *arguments, **options)
        self.assertEqual(list(lines[-1]), ["summary"], lines[-1:])
        self.assertFalse([line for line in lines[:-1] if "summary" in line])
        return lines[:-1], lines[-1]["summary"]

    def refused(self, *arguments, code=1, **options):
        """What it complains of, with no secret in it."""
        done = self.run_program("archive", *arguments, code=code, **options)
        self.assertTrue(done.stderr.strip())
        self.assert_no_secret(done.stdout + done.stderr)
        return done.stderr

    def assert_no_secret(self, text):
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY")
        if secret:
            self.assertNotIn(secret, text)
            self.assertNotIn(urllib.parse.quote(secret, safe=""), text)

    def start(self, *arguments):
        """The running program; killed in the end if it still runs. Its answers
        go to files, so that it never waits for a reader."""
        number = len(list(self.folder.glob("run-*.out")))
        out = self.folder / f"run-{number}.out"
        log = self.folder / f"run-{number}.log"
        with open(out, "wb") as to, open(log, "wb") as errors:
            running = subprocess.Popen(
                [PROGRAM, "archive", *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=to, stderr=errors,
                env={**os.environ, "OCELLI_DATA": str(self.data)})
        running.out, running.log = out, log

        def end():
            running.kill()
            running.wait()
        self.addCleanup(end)
        return running

    def lines_of(self, running):
        """Whole lines that it has printed."""
        text = running.out.read_bytes()
        return [json.loads(line)
                for line in text[:text.rfind(b"\n") + 1].splitlines()]

    def wait_for_lines(self, running, count, seconds=60):
        def printed():
            self.assertIsNone(running.poll(), running.log.read_text())
            return len(self.lines_of(running)) >= count
        wait_for(printed, f"{count} frames", seconds)

    def end_of(self, running, code=0, seconds=120):
        """Waits for it; what it complained of."""
        running.wait(seconds)
        complaints = running.log.read_text()
        self.assertEqual(running.returncode, code, complaints)
        return complaints

    def status(self, task):
        return self.json_lines("archive", "status", task)[0]

    def interrupt(self, running):
        running.send_signal(signal.SIGINT)
        return self.end_of(running, 130)

    def verify(self, url, code=0, *arguments):
        """The report; its findings by kind."""
        done = self.run_program("archive", "verify", url, "--json", *arguments,
                                code=code)
        report = json.loads(done.stdout)
        self.assertEqual(bool(report["findings"]), code == 1, report)
        return report

    def manifest(self, place, prefix="cam1"):
        """Every line, after a check of chain, order and objects."""
        keys = set(place.keys(prefix + "/"))
        segments = sorted(key for key in keys if "/manifest/" in key and
                          key.endswith(".jsonl"))
        chain, lines = "0" * 64, []
        objects = set()
        for segment in segments:
            text = place.get(segment).decode()
            self.assertTrue(text.endswith("\n"), segment)
            for number, line in enumerate(text.splitlines()):
                read = json.loads(line)
                if number == 0:
                    self.assertEqual(segment, f"{prefix}/manifest/"
                                     f"{read['seq']:012}.jsonl")
                before = line[:line.rindex(',"chain":')]
                chain = sha256(f"{chain}\n{before}".encode())
                self.assertEqual(read["chain"], chain, line)
                lines.append(read)
        frames = [line for line in lines if "end" not in line]
        self.assertEqual([line["seq"] for line in frames],
                         list(range(len(frames))))
        for line in frames:
            if line.get("dropped"):
                self.assertNotIn("key", line)
                continue
            key = f"{prefix}/{line['key']}"
            if key not in objects:
                body = place.get(key)
                self.assertEqual(sha256(body), line["digest"], key)
                self.assertEqual(len(body), line["bytes"], key)
            objects.add(key)
        self.assertEqual(keys - objects - set(segments), set(),
                         "objects of no frame")
        return lines

    def frames(self, place, prefix="cam1"):
        return [line for line in self.manifest(place, prefix)
                if "end" not in line]

    def assert_whole(self, place, count, prefix="cam1", url=None):
        """Every frame of a video is there once, in order, to the end."""
        lines = self.manifest(place, prefix)
        self.assertTrue(lines[-1].get("end"), lines[-1])
        frames = [line for line in lines if "end" not in line]
        self.assertEqual(
            [round(line["pts"] * RATE) for line in frames], list(range(count)))
        self.assertEqual([line for line in frames if line.get("dropped")], [])
        report = self.verify(url or place.url(prefix))
        self.assertEqual(report["frames"], count)
        return frames
