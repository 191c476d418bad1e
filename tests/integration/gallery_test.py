#!/usr/bin/env python3
"""One gallery for many machines: a folder of data stands for each.

Run: gallery_test.py PROGRAM [unittest arguments].
"""
import fcntl
import json
import os
import subprocess
import unittest

from case import ALBUM, MODELS, PROGRAM, Case
from redis_servers import RedisServer
from servers import ffmpeg


class Gallery(Case):
    def setUp(self):
        super().setUp()
        self.redis = RedisServer(self.folder, "--appendonly", "yes")
        self.addCleanup(self.redis.stop)
        self.shared = ("--gallery", self.redis.url)

    def other_machine(self):
        self.data = self.folder / "other"
        self.data.mkdir()
        (self.data / "models").symlink_to(MODELS)

    def names(self, *photos):
        return [[face.get("person", {}).get("name") for face in line["faces"]]
                for line in self.json_lines("recognize", *photos, *self.shared)]

    def test_who_is_enrolled_on_one_machine_is_known_on_the_others(self):
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg",
                         ALBUM / "jesper_2.jpg", *self.shared)
        self.other_machine()
        self.assertEqual(self.names(ALBUM / "jesper.jpg"), [["Jesper"]])
        self.assertFalse(self.people.exists())
        # From the environment, for every command.
        os.environ["OCELLI_GALLERY_URL"] = self.redis.url
        self.addCleanup(os.environ.pop, "OCELLI_GALLERY_URL")
        self.run_program("people", "rename", "Jesper", "Jim")
        self.assertEqual(self.names(ALBUM / "jesper.jpg"), [["Jim"]])
        person, = self.json_lines("people", "list")
        self.assertEqual((person["person"], person["faces"]), ("Jim", 2))

    def test_without_redis_photos_are_recognised_and_people_are_not_changed(
            self):
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg",
                         *self.shared)
        self.redis.stop()
        done = self.run_program("recognize", ALBUM / "jesper.jpg", *self.shared)
        self.assertIn("unknown", done.stdout)
        self.assertIn("nobody is recognised until the gallery can be read",
                      done.stderr)
        done = self.run_program("people", "remove", "Jesper", *self.shared,
                                code=1)
        self.assertIn(f"gallery default of {self.redis.url}", done.stderr)
        self.redis.start()
        self.assertEqual(self.names(ALBUM / "jesper.jpg"), [["Jesper"]])

    def test_a_live_session_names_who_was_enrolled_meanwhile(self):
        # A second of a photo, for as long as it takes.
        second = self.folder / "second.mp4"
        ffmpeg("-loop", 1, "-framerate", 10, "-t", 1, "-i",
               ALBUM / "jesper.jpg", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2",
               "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
               second)
        video = self.folder / "video.mp4"
        ffmpeg("-stream_loop", 3600, "-i", second, "-c", "copy", video)
        live = subprocess.Popen(
            [PROGRAM, "live", video, "--analyze", "-", *self.shared],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "OCELLI_DATA": str(self.data)})

        def end():
            live.kill()
            live.wait()
            live.stdout.close()
        self.addCleanup(end)
        # So that it is never far ahead of who reads.
        fcntl.fcntl(live.stdout, fcntl.F_SETPIPE_SZ, 4096)

        def names():
            line = live.stdout.readline()
            self.assertTrue(line, "it ended")
            return [face.get("name") for face in json.loads(line)["faces"]]
        for _ in range(20):
            self.assertNotIn("Jesper", names())
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg",
                         *self.shared)
        # Three looks, which the face gets within seconds of video.
        for _ in range(600):
            if names() == ["Jesper"]:
                return
        self.fail("a minute of video, and still no name")


if __name__ == "__main__":
    unittest.main()
