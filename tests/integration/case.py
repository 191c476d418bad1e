"""What the tests of the program from outside have in common.

The program is the first argument of whoever imports this.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

PROGRAM = os.path.abspath(sys.argv.pop(1))
XDG_DATA = pathlib.Path(
    os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share")
DATA = pathlib.Path(os.environ.get("OCELLI_DATA") or XDG_DATA / "ocelli")
MODELS = DATA / "models"
ALBUM = DATA / "demo/album"
PHOTOS = DATA / "demo/photos"
FLAGS = DATA / "demo/flags/png250px"


def png(width, height, depth=8, colour=2, rows=None):
    """A PNG; without rows only its head, which is all a limit may look at."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(rows if rows is not None else b"")
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) +
            chunk(b"IEND", b""))


class Case(unittest.TestCase):
    def setUp(self):
        for needed in (MODELS / "sface", ALBUM / "jesper.jpg",
                       PHOTOS / "sample1.jpg"):
            self.assertTrue(needed.exists(), f"no {needed}: run ./dev test")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.data / "models").symlink_to(MODELS)

    def run_program(self, *arguments, code=0, limit=None, stdout=None):
        """Runs `ocelli ARGUMENTS` with this test's data; limit: bytes a file."""
        def prepare():
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)], text=True, timeout=240,
            stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OCELLI_DATA": str(self.data)},
            preexec_fn=prepare)
        self.assertEqual(done.returncode, code,
                         f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def json_lines(self, *arguments, **options):
        done = self.run_program(*arguments, "--json", **options)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    @property
    def results(self):
        return self.data / "cache/results.sqlite"

    @property
    def people(self):
        return self.data / "people.sqlite"

    def teach_jesper(self):
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg",
                         ALBUM / "jesper_2.jpg")

    def names(self, *photos):
        return [[face.get("person", {}).get("name") for face in line["faces"]]
                for line in self.json_lines("recognize", *photos)]
