#!/usr/bin/env python3
"""The page of a real service, walked through in Chromium (web_test.mjs)."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from case import ALBUM, DATA, FLAGS, PHOTOS, PROGRAM
from serve_case import ROOT, ServeCase

FILM = DATA / "demo/film/franck.mp4"
MODULES = pathlib.Path(PROGRAM).parent / "web/page/node_modules"


@unittest.skipUnless((MODULES / "playwright-core").exists(),
                     f"no {MODULES}/playwright-core: built without npm")
@unittest.skipUnless(shutil.which("chromium"), "no chromium: ./dev setup test")
class Page(ServeCase):
    SETTINGS = f"""
[camera.film]
source = {json.dumps(str(FILM))}
repeat = true
archive_options = ["--fps=5", "--limit=40"]
"""

    def walk(self, *arguments, settings=""):
        archive = self.folder / "frames"
        service = self.serve(settings=self.SETTINGS + settings + (
            f"archive = {json.dumps('dir:' + str(archive))}\n"))
        service.wait_ready()
        done = subprocess.run(
            ["node", ROOT / "tests/integration/web_test.mjs",
             f"http://127.0.0.1:{service.port}", "--modules", MODULES,
             "--photo", ALBUM / "anne_helene.jpg",
             "--group", PHOTOS / "sample1.jpg", *arguments]
            + (["--shots", os.environ["OCELLI_SHOTS"]]
               if "OCELLI_SHOTS" in os.environ else []),
            capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def fill(self):
        """Somebody known, a collection."""
        self.teach_jesper()
        flags = self.folder / "flags"
        flags.mkdir()
        for code in ("td", "ro", "au", "nz", "fr", "jp", "id", "mc"):
            shutil.copy(FLAGS / f"{code}.png", flags)
        self.run_program("collection", "create", "flags")
        self.run_program("collection", "add", "flags", flags)

    def user(self, name, scope, password):
        subprocess.run(
            [PROGRAM, "--data", self.data, "user", "add", name, "--scope",
             scope], input=password + "\n", text=True, check=True,
            stdout=subprocess.DEVNULL)

    def test_an_open_service(self):
        self.fill()
        self.walk()

    def test_a_locked_service(self):
        self.fill()
        self.user("Ada", "admin", "correct horse battery")
        self.user("Eva", "read", "correct horse staple")
        self.walk("--user", "Ada", "--password", "correct horse battery",
                  "--reader", "Eva", "--reader-password",
                  "correct horse staple")


if __name__ == "__main__":
    unittest.main(verbosity=2)
