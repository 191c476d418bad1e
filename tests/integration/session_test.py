#!/usr/bin/env python3
"""Live sessions that another process goes on with, from outside.

Run: session_test.py PROGRAM [unittest arguments]. Camera and Redis are real and
on loopback; models and photos come from where `./dev test` put them.
"""
import contextlib
import datetime
import os
import pathlib
import re
import shutil
import signal
import tempfile
import unittest

from case import ALBUM
from live_case import LiveCase
from redis_servers import RedisServer
from servers import RtspServer, ffmpeg, wait_for

CLIPS = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-sessions-"))
PEOPLE = CLIPS / "people.mp4"  # Two who move to and fro, 10 frames a second.
PLAIN = CLIPS / "plain.mkv"  # 20 frames of a test picture.
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", 10, "-bf", 0,
        "-pix_fmt", "yuv420p"]
NAME = "mall-12"
KEY = "ocelli:{session:mall-12}"


def setUpModule():
    unittest.addModuleCleanup(shutil.rmtree, CLIPS)
    both = CLIPS / "both.png"
    ffmpeg("-i", ALBUM / "jesper.jpg", "-i", ALBUM / "anne_helene.jpg",
           "-lavfi", "[0]scale=-2:300[a];[1]scale=-2:300[b];[a][b]hstack,"
           "pad=iw+160:ih+60:80:30:gray", both)
    ffmpeg("-loop", 1, "-framerate", 10, "-t", 6, "-i", both, "-vf",
           "crop=trunc((iw-80)/2)*2:trunc((ih-30)/2)*2:40+40*sin(t*PI/3):"
           "15+15*cos(t*PI/3)", *H264, PEOPLE)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=2", *H264, PLAIN)


class SessionCase(LiveCase):
    def setUp(self):
        super().setUp()
        self.redis = self.serve(RedisServer(self.folder))

    @property
    def place(self):
        return ["--session", NAME, "--redis", self.redis.url]

    def begin(self, *more):
        """Teaches whom it knows and follows the camera."""
        self.teach_jesper()
        self.camera = self.serve(RtspServer(self.folder, PEOPLE))
        return self.go_on(*more)

    def go_on(self, *more):
        return self.follow(self.camera.url(), *self.place, *more)

    @staticmethod
    def names(line):
        """Of those who are seen: track and name."""
        return {(face["track"], face["name"]) for face in line["faces"]
                if face["seen"]}

    @classmethod
    def both_known(cls, line):
        seen = cls.names(line)
        return len(seen) == 2 and "Jesper" in dict(seen).values()

    def state(self):
        with contextlib.suppress(OSError):
            return self.redis.run("HGET", KEY, "state") or b""
        return b""

    def wait_until_kept(self, seen):
        """Until Redis has what was decided, with the three votes that it
        takes, and what both look like."""
        wait_for(lambda: self.state().count(b"Jesper") >= 4 and
                 len(self.state()) > 2 * 128 * 4, "the state in Redis")
        return seen

    def known(self, running):
        """Waits until both are known and kept: their tracks and names."""
        _, lines, wait = running
        wait(self.both_known, "two faces, one with a name")
        seen = self.names(next(filter(self.both_known, lines())))
        return self.wait_until_kept(seen)

    def ended(self, running, code):
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, code, err)
        return out, err


class Handover(SessionCase):
    def test_killed_and_started_again(self):
        first = running, lines, _ = self.begin()
        before = self.known(first)
        running.kill()
        running.wait()
        old = lines()
        self.redis.run("CONFIG", "RESETSTAT")
        second = running, lines, wait = self.go_on()
        wait(self.both_known, "both again")
        summary, err = self.interrupt(running)
        new = lines()
        for line in new:
            self.assertLessEqual(self.names(line), before, line)
        # Nobody had to be asked for again.
        whole = next(line for line in new if line["faces"])
        self.assertIn("Jesper", dict(self.names(whole)).values())
        self.assertGreater(new[0]["sequence"], old[-1]["sequence"])
        self.assertIn(f"session {NAME} goes on from frame", err)
        kept = summary["session"]
        self.assertEqual(kept["name"], NAME)
        self.assertEqual(kept["resumed"], 1)
        self.assertEqual(kept["faces"], 2)
        self.assertGreater(kept["frames_out"], summary["frames_out"])
        self.assertLessEqual(kept["frames_out"], len(old) + len(new))
        # A clean end is exact, and others need not wait.
        third = running, lines, wait = self.go_on()
        wait(self.both_known, "both for the third time")
        self.assertEqual(lines()[0]["sequence"], new[-1]["sequence"] + 1)
        for line in lines():
            self.assertLessEqual(self.names(line), before, line)

    def test_two_at_once_and_taking_over(self):
        first = running, lines, wait = self.begin()
        before = self.known(first)
        done = self.run_program("live", self.camera.url(), *self.place,
                                "--analyze", self.folder / "none.jsonl", code=1)
        self.assertRegex(done.stderr, f"session {NAME} is in use by .*, process "
                         f"{running.pid}, for [0-9]+ s")
        self.assertNotIn("frames in", done.stderr)
        other, other_lines, other_wait = self.go_on("--take-over")
        _, err = self.ended(running, 1)
        self.assertRegex(err, f"session {NAME} was taken over by .*, process "
                         f"{other.pid}, for [0-9]+ s; this process stops")
        other_wait(self.both_known, "both in the other process")
        for line in other_lines():
            self.assertLessEqual(self.names(line), before, line)

    def test_who_slept_through_its_lease_ends(self):
        first = running, lines, _ = self.begin()
        before = self.known(first)
        running.send_signal(signal.SIGSTOP)
        written = len(lines())
        other, other_lines, other_wait = self.go_on()
        other_wait(self.both_known, "both in the other process")
        running.send_signal(signal.SIGCONT)
        _, err = self.ended(running, 1)
        self.assertIn(f"process {other.pid}", err)
        self.assertIn("taken over", err)
        # The frame that was on its way.
        self.assertLessEqual(len(lines()), written + 1)
        for line in other_lines():
            self.assertLessEqual(self.names(line), before, line)
        self.assertIsNone(other.poll())


class Outages(SessionCase):
    def withheld(self):
        figures = self.folder / "figures"
        if not figures.exists():
            return 0
        found = re.search(r"^ocelli_live_session_frames_withheld_total (\S+)",
                          figures.read_text(), re.MULTILINE)
        return float(found[1]) if found else 0

    def test_redis_stops_for_a_while_and_dies_and_comes_back(self):
        first = running, lines, wait = self.begin(
            "--metrics", self.folder / "figures")
        before = self.known(first)
        for outage, end in ((self.redis.pause, self.redis.resume),
                            (self.redis.stop, self.redis.restart)):
            counted = self.withheld()
            outage()
            wait_for(lambda: self.withheld() > counted, "frames to be withheld")
            # While it may be another's, nothing comes out.
            self.assertIsNone(running.poll())
            end()
            back = self.now()
            wait(self.after(back + datetime.timedelta(seconds=0.2)),
                 "frames when Redis is back")
            self.wait_until_kept(before)
        summary, err = self.interrupt(running)
        for line in lines():
            self.assertLessEqual(self.names(line),
                                 before | {(track, None) for track, _ in before})
        self.assertGreater(summary["dropped"], 0)
        self.assertEqual(err.count("session can't be kept"), 2, err)
        self.assertEqual(err.count("session is kept again"), 2, err)


class Commands(SessionCase):
    def raw(self, *arguments):
        """The frames as they come out, and what was said."""
        path = self.folder / "raw.y4m"
        with open(path, "wb") as out:
            done = self.run_program("live", PLAIN, *self.place, "--out", "-",
                                    *arguments, stdout=out)
        return path.read_bytes(), done.stderr

    def test_settings_stay_unless_flags_say_otherwise(self):
        plain, _ = self.raw()
        negative, err = self.raw("--effect", "filter:graph=negate")
        self.assertNotEqual(plain, negative)
        self.assertIn("goes on from frame 20", err)
        again, _ = self.raw()
        self.assertEqual(again, negative)
        flipped, _ = self.raw("--effect", "filter:graph=hflip")
        self.assertNotIn(flipped, (plain, negative))
        self.assertEqual(self.raw()[0], flipped)
        # Without a video there is nothing to change.
        lines = self.folder / "lines.jsonl"
        self.run_program("live", PLAIN, *self.place, "--analyze", lines)
        self.assertIn('"sequence":100,', lines.read_text())
        self.assertEqual(self.raw()[0], flipped)
        self.assertEqual(self.raw("--new-session")[0], plain)

    def test_what_is_kept_is_listed_and_removed(self):
        command = ["--redis", self.redis.url]
        self.assertEqual(self.json_lines("session", "list", *command), [])
        self.raw()
        (kept,) = self.json_lines("session", "list", *command)
        self.assertEqual((kept["session"], kept["in_use"]), (NAME, False))
        self.assertIn("process", kept["owner"])
        self.assertGreater(kept["bytes"], 0)
        self.assertIn(f"{NAME}: free", self.run_program(
            "session", "list", *command).stdout)
        self.assertIn("ocelli:{session:", KEY)
        self.assertGreater(self.redis.run("PTTL", KEY), 0)
        self.run_program("session", "remove", NAME, *command)
        self.assertEqual(self.redis.run("DBSIZE"), 0)
        self.assertIn(NAME, self.run_program("session", "remove", NAME,
                                             *command, code=1).stderr)

    def refused(self, *arguments, code=1, source=(PLAIN,), place=None):
        done = self.run_program(
            "live", *source, *(self.place if place is None else place),
            "--analyze", self.folder / "lines.jsonl", *arguments, code=code)
        return done.stderr

    def test_what_another_program_keeps_there_is_named(self):
        self.redis.run("SET", KEY, "hello")
        err = self.refused()
        self.assertIn(KEY, err)
        self.assertIn("--new-session", err)
        self.assertEqual(self.redis.run("GET", KEY), b"hello")
        self.refused("--new-session", code=0)
        for state in (b"hello", os.urandom(300), b"\x08\x02"):
            self.redis.run("HSET", KEY, "state", state)
            err = self.refused()
            self.assertIn(KEY, err)
            self.assertIn("--new-session begins it anew", err)
        # A setting of an effect that there is not.
        self.redis.run(
            "HSET", KEY, "state", b"\x08\x01\x12\x19\x0a\x0e--detect-every"
            b"\x12\x07forever")
        self.assertIn("--detect-every", self.refused())
        self.refused("--detect-every", 1, code=0)

    def test_what_cannot_be_meant_is_said(self):
        self.assertIn("--redis", self.refused(place=["--session", NAME], code=2))
        self.assertIn("--session", self.refused(
            place=["--redis", self.redis.url], code=2))
        self.assertIn("mall-12", self.refused(
            place=["--session", "a b", "--redis", self.redis.url], code=2))
        self.assertIn("one source", self.refused(source=(PLAIN, PLAIN), code=2))
        self.redis.stop()
        err = self.refused()
        self.assertIn(self.redis.address, err)
        self.assertIn(f"session {NAME}", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
