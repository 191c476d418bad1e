#!/usr/bin/env python3
"""`ocelli archive` from outside: places, faults, crashes, bad input.

Run: archive_test.py PROGRAM [unittest arguments]. The servers are real and on
loopback (object_stores.py, servers.py).
"""
import json
import os
import random
import re
import time
import unittest
import urllib.request

from archive_case import (CAMERA, CLIP, FRAMES, HEIGHT, LONG, RATE, WIDTH,
                          ArchiveCase, Folder, make_clips, pictures,
                          remove_clips, sha256)
from case import ALBUM
from object_stores import FaultyS3, SwiftServer
from servers import RtspServer, ffmpeg, ffprobe, wait_for

LONG_FRAMES = 12 * RATE


def setUpModule():
    unittest.addModuleCleanup(remove_clips)
    make_clips()


class Directory(ArchiveCase):
    def setUp(self):
        super().setUp()
        self.place = Folder(self.folder / "frames")

    def test_every_frame_is_there_in_order(self):
        lines, summary = self.archive(CLIP, "--to", self.place.url())
        self.assertEqual([line["seq"] for line in lines], list(range(FRAMES)))
        frames = self.assert_whole(self.place, FRAMES)
        for line, frame in zip(lines, frames):
            key = "cam1/" + frame["key"]
            self.assertEqual(line["url"], self.place.link(key))
            self.assertRegex(
                frame["key"],
                rf"^\d{{4}}/\d\d/\d\d/\d\d/{line['seq']:012}-"
                rf"{line['digest'][:8]}\.jpg$")
            self.assertEqual(frame["key"][:13].replace("/", "-"),
                             line["time"][:13].replace("T", "-"))
            for name in ("run", "pts", "time", "digest", "key", "bytes",
                         "width", "height", "attempts"):
                self.assertEqual(line[name], frame[name], name)
            self.assertEqual((line["width"], line["height"], line["run"]),
                             (WIDTH, HEIGHT, 0))
        shown = ffprobe(self.place.path / "cam1" / frames[10]["key"])
        self.assertEqual(
            (shown["streams"][0]["width"], shown["streams"][0]["height"]),
            (WIDTH, HEIGHT))

    def test_pictures_go_in_as_they_are(self):
        files = pictures(self.folder / "my pictures, één", 12)
        lines, _ = self.archive(files[0].parent, "--to", self.place.url())
        self.assertEqual([line["digest"] for line in lines],
                         [sha256(file.read_bytes()) for file in files])
        self.assertEqual(len(self.frames(self.place)), 12)

    def test_frames_may_be_chosen(self):
        for count, choice in ((10, ["--limit", 10]), (25, ["--duration", 1]),
                              (15, ["--fps", 5]), (3, ["--every", "1s"]),
                              (2, ["--fps", 5, "--limit", 2])):
            with self.subTest(choice):
                name = "-".join(map(str, choice)).strip("-")
                lines, _ = self.archive(CLIP, "--to", self.place.url(name),
                                        *choice)
                self.assertEqual(len(lines), count)
                self.verify(self.place.url(name))

    def test_changed_takes_new_scenes_only(self):
        photos = [ALBUM / "jesper.jpg", ALBUM / "anne_helene.jpg"]
        for index, photo in enumerate(photos):
            ffmpeg("-loop", 1, "-framerate", RATE, "-t", 1, "-i", photo, "-vf",
                   "scale=320:240,setsar=1", "-pix_fmt", "yuv420p", "-c:v",
                   "libx264", "-crf", 18, self.folder / f"{index}.ts")
        video = self.folder / "two.ts"
        video.write_bytes((self.folder / "0.ts").read_bytes() +
                          (self.folder / "1.ts").read_bytes())
        lines, _ = self.archive(video, "--to", self.place.url(), "--changed")
        self.assertEqual(len(lines), 2)

    def test_faces_takes_only_pictures_with_one(self):
        folder = self.folder / "mixed"
        pictures(folder, 3, "640x480")
        (folder / "0002.jpg").write_bytes((ALBUM / "jesper.jpg").read_bytes())
        lines, _ = self.archive(folder, "--to", self.place.url(), "--faces")
        self.assertEqual([line["digest"] for line in lines],
                         [sha256((ALBUM / "jesper.jpg").read_bytes())])

    def test_size_and_quality(self):
        usual, _ = self.archive(CLIP, "--limit", 3, "--to",
                                self.place.url("a"))
        small, _ = self.archive(CLIP, "--limit", 3, "--to", self.place.url("b"),
                                "--max-side", 160)
        rough, _ = self.archive(CLIP, "--limit", 3, "--to", self.place.url("c"),
                                "--quality", 30)
        self.assertEqual((small[0]["width"], small[0]["height"]), (160, 120))
        self.assertLess(rough[0]["bytes"], 0.7 * usual[0]["bytes"])
        key = self.place.path / "b" / small[0]["key"]
        self.assertEqual(ffprobe(key)["streams"][0]["width"], 160)

    def test_equal_frames_are_stored_once(self):
        folder = self.folder / "same"
        first, second = pictures(folder, 2)
        for number in range(3, 9):
            (folder / f"{number:04}.jpg").write_bytes(
                (first if number % 2 else second).read_bytes())
        lines, _ = self.archive(folder, "--to", self.place.url())
        self.assertEqual(len(lines), 8)
        self.assertEqual(len(self.frames(self.place)), 8)
        stored = [key for key in self.place.keys() if key.endswith(".jpg")]
        self.assertEqual(len(stored), 2)
        self.assertEqual(len({line["key"] for line in lines}), 2)

    def test_groups_come_as_one_result(self):
        groups, _ = self.archive(CLIP, "--to", self.place.url(), "--limit", 25,
                                 "--group", 10)
        self.assertEqual([group["group"] for group in groups], [0, 1, 2])
        self.assertEqual([[line["seq"] for line in group["frames"]]
                          for group in groups],
                         [list(range(10)), list(range(10, 20)),
                          list(range(20, 25))])

    def test_a_second_run_goes_on(self):
        self.archive(CLIP, "--to", self.place.url(), "--limit", 5)
        lines, _ = self.archive(CLIP, "--to", self.place.url(), "--limit", 5)
        self.assertEqual([(line["seq"], line["run"]) for line in lines],
                         [(seq, 1) for seq in range(5, 10)])
        self.assertEqual(len(self.frames(self.place)), 10)
        self.assertEqual(self.verify(self.place.url())["frames"], 10)

    def test_results_are_there_while_it_runs_and_after(self):
        with self.serve(FaultyS3(self.folder)) as store:
            store.order(latency=0.2)
            running = self.start(LONG, "--to", store.url(), "--task", "cam",
                                 "--parallel", 2, "--json")
            self.wait_for_lines(running, 5)
            during = self.json_lines("archive", "results", "cam")
            self.assertGreaterEqual(len(during), 5)
            self.assertIn("cam", self.run_program("archive", "list").stdout)
            status = json.loads(self.run_program(
                "archive", "status", "cam", "--json").stdout)
            self.assertEqual(status["state"], "running")
            store.order(latency=0)
            self.run_program("archive", "wait", "cam")
            self.end_of(running)
            printed = self.lines_of(running)[:-1]
            self.assertEqual(printed[:len(during)], during)
            self.assertEqual(self.json_lines("archive", "results", "cam"),
                             printed)
            status = json.loads(self.run_program(
                "archive", "status", "cam", "--json").stdout)
            self.assertEqual(status["state"], "finished")

    def test_get_gives_the_frames_back(self):
        lines, _ = self.archive(CLIP, "--to", self.place.url())
        out = self.folder / "out"
        self.run_program("archive", "get", self.place.url(), "-o", out)
        files = sorted(file for file in out.rglob("*") if file.is_file())
        self.assertEqual([sha256(file.read_bytes()) for file in files],
                         [line["digest"] for line in lines])
        video = self.folder / "out.mp4"
        self.run_program("archive", "get", self.place.url(), "-o", video)
        shown = ffprobe(video, "-count_frames")["streams"][0]
        self.assertEqual(int(shown["nb_read_frames"]), FRAMES)
        part = self.folder / "part"
        self.run_program("archive", "get", self.place.url(), "--from",
                         lines[10]["time"], "--to", lines[20]["time"], "-o",
                         part)
        found = [sha256(file.read_bytes()) for file in sorted(part.rglob("*"))
                 if file.is_file()]
        self.assertIn(len(found), (10, 11))  # The end may belong to it or not.
        self.assertEqual(found, [line["digest"]
                                 for line in lines[10:10 + len(found)]])

    def test_prune_leaves_what_verifies(self):
        self.archive(CLIP, "--to", self.place.url(), "--limit", 20)
        before = self.place.keys()
        tried = self.run_program("archive", "prune", self.place.url(),
                                 "--older-than", "1h", "--dry-run")
        self.assertIn("nothing", tried.stdout)
        time.sleep(1.1)  # Frames have to be older than something.
        self.run_program("archive", "prune", self.place.url(), "--older-than",
                         "1s", "--dry-run")
        self.assertEqual(self.place.keys(), before)
        self.run_program("archive", "prune", self.place.url(), "--older-than",
                         "1s")
        left = [key for key in self.place.keys() if key.endswith(".jpg")]
        self.assertEqual(left, [])
        self.verify(self.place.url())
        # And it goes on.
        lines, _ = self.archive(CLIP, "--to", self.place.url(), "--limit", 5)
        self.assertEqual([line["seq"] for line in lines],
                         list(range(20, 25)))
        self.verify(self.place.url())

    def test_stop_ends_it_and_resume_goes_on(self):
        with self.serve(FaultyS3(self.folder)) as store:
            store.order(latency=0.3)
            running = self.start(LONG, "--to", store.url(), "--task", "cam",
                                 "--parallel", 2, "--json")
            self.wait_for_lines(running, 3)
            self.run_program("archive", "stop", "cam")
            self.end_of(running, 130)
            store.order(latency=0)
            self.run_program("archive", "resume", "cam")
            self.assert_whole(store, LONG_FRAMES)


class S3(ArchiveCase):
    """With Swift, which checks every signature."""

    def setUp(self):
        super().setUp()
        self.store = self.serve(SwiftServer(self.folder))

    def test_an_archive_there_and_back(self):
        lines, _ = self.archive(CLIP, "--to", self.store.url())
        self.assertEqual([line["seq"] for line in lines], list(range(FRAMES)))
        self.assert_whole(self.store, FRAMES)
        self.assertTrue(lines[0]["url"].startswith(self.store.endpoint))
        out = self.folder / "out"
        self.run_program("archive", "get", self.store.url(), "-o", out)
        files = sorted(file for file in out.rglob("*") if file.is_file())
        self.assertEqual([sha256(file.read_bytes()) for file in files],
                         [line["digest"] for line in lines])
        time.sleep(1.1)  # Frames have to be older than something.
        self.run_program("archive", "prune", self.store.url(), "--older-than",
                         "1s")
        self.assertEqual([key for key in self.store.keys()
                          if key.endswith(".jpg")], [])
        self.verify(self.store.url())

    def test_names_with_blanks_and_letters_of_all_kinds(self):
        prefix = "kamera één/日本 +&%20=?'(~)"
        self.archive(CLIP, "--to", self.store.url(prefix), "--limit", 10)
        frames = self.frames(self.store, prefix)
        self.assertEqual(len(frames), 10)
        self.verify(self.store.url(prefix))

    def test_presigned_urls_open_without_credentials(self):
        lines, _ = self.archive(CLIP, "--to", self.store.url(), "--limit", 2,
                                "--presign", "1h")
        for line in lines:
            with urllib.request.urlopen(line["url"], timeout=20) as answer:
                self.assertEqual(sha256(answer.read()), line["digest"])
            self.assert_no_secret(line["url"])
        plain = lines[0]["url"].split("?")[0]
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(plain, timeout=20)

    def test_credentials_of_a_profile_file(self):
        environment = self.store.environment()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del os.environ[name]
        os.environ["AWS_PROFILE"] = "camera"
        (self.folder / "credentials").write_text(
            "[default]\naws_access_key_id = nobody\n"
            "aws_secret_access_key = nothing\n[camera]\n"
            f"aws_access_key_id = {environment['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key={environment['AWS_SECRET_ACCESS_KEY']}\n")
        self.archive(CLIP, "--to", self.store.url(), "--limit", 2)
        self.assertEqual(len(self.frames(self.store)), 2)

    def test_a_wrong_secret_is_one_clear_error(self):
        os.environ["AWS_SECRET_ACCESS_KEY"] = "not-this-one"
        start = time.monotonic()
        said = self.refused(CLIP, "--to", self.store.url())
        self.assertIn("SignatureDoesNotMatch", said)
        self.assertLess(time.monotonic() - start, 20)

    def test_a_missing_bucket_is_named(self):
        said = self.refused(CLIP, "--to", "s3://nowhere/cam1")
        self.assertIn("nowhere", said)
        self.assertRegex(said, "NoSuchBucket|bucket")

    def test_another_process_continues_it(self):
        self.archive(CLIP, "--to", self.store.url(), "--limit", 5)
        # As from another machine: nothing is known here.
        self.data = self.folder / "other data"
        self.data.mkdir()
        lines, _ = self.archive(CLIP, "--to", self.store.url(), "--limit", 5)
        self.assertEqual([(line["seq"], line["run"]) for line in lines],
                         [(seq, 1) for seq in range(5, 10)])
        self.assertEqual(len(self.frames(self.store)), 10)


class Faults(ArchiveCase):
    def setUp(self):
        super().setUp()
        self.store = self.serve(FaultyS3(self.folder))

    def camera(self):
        return self.serve(RtspServer(self.folder, CAMERA))

    def test_results_come_in_order_however_uploads_end(self):
        self.store.order(latency=0.05, faults=[
            {"what": what, "method": "PUT", "key": f"{seq:012}-", "times": 2}
            for seq, what in ((3, 500), (7, "reset"), (8, "lost"), (11, 503),
                              (12, 429), (30, "lost"), (31, 500))])
        lines, summary = self.archive(CLIP, "--to", self.store.url())
        self.assertEqual([line["seq"] for line in lines], list(range(FRAMES)))
        attempts = {line["seq"]: line["attempts"] for line in lines
                    if line["attempts"] != 1}
        # libcurl itself tries again where a kept connection breaks.
        for seq in (7, 8, 30):
            self.assertLessEqual(attempts.pop(seq, 1), 3)
        self.assertEqual(attempts, dict.fromkeys((3, 11, 12, 31), 3))
        self.assert_whole(self.store, FRAMES)

    def test_a_store_that_fails_every_third_time(self):
        chance = random.Random(11)
        self.store.order(faults=[
            {"what": chance.choice([500, 502, 503, "reset", "lost"]),
             "method": "PUT", "key": f"{seq:012}-", "times": 1}
            for seq in range(FRAMES) if chance.random() < 0.33])
        lines, _ = self.archive(CLIP, "--to", self.store.url())
        self.assertEqual(len(lines), FRAMES)
        self.assert_whole(self.store, FRAMES)

    def test_retry_after_is_kept(self):
        self.store.order(faults=[{"what": 503, "method": "PUT", "key": ".jpg",
                                  "retry_after": 3}])
        start = time.monotonic()
        (line,), _ = self.archive(CLIP, "--to", self.store.url(), "--limit", 1)
        self.assertGreater(time.monotonic() - start, 3)
        self.assertEqual(line["attempts"], 2)

    def test_no_more_at_once_than_allowed(self):
        self.store.order(latency=0.1)
        self.archive(CLIP, "--to", self.store.url(), "--parallel", 4)
        # And perhaps the manifest.
        self.assertIn(self.store.order()["most_at_once"], (3, 4, 5))

    def test_many_at_once_without_being_told(self):
        files = pictures(self.folder / "pictures", 50)
        self.store.order(latency=1.05)
        start = time.monotonic()
        self.archive(files[0].parent, "--to", self.store.url())
        self.assertLess(time.monotonic() - start, 10)
        self.assertGreaterEqual(self.store.order()["most_at_once"], 50)

    def test_tries_are_limited_and_what_is_spooled_is_resumed(self):
        self.store.order(faults=[{"what": 500, "method": "PUT", "times": -1,
                                  "key": f"{20:012}-"}])
        said = self.refused(CLIP, "--to", self.store.url(), "--retries", 3,
                            "--task", "cam")
        self.assertIn("ocelli archive resume cam", said)
        self.assertIn("InternalError", said)
        self.assertLessEqual(self.store.order()["faults"], 4)
        self.store.order(faults=[])
        self.run_program("archive", "resume", "cam")
        self.assert_whole(self.store, FRAMES)

    def test_permission_withdrawn_amid_it_loses_nothing(self):
        self.store.order(faults=[{"what": 403, "method": "PUT", "times": -1,
                                  "key": f"{40:012}-"}])
        said = self.refused(CLIP, "--to", self.store.url(), "--task", "cam")
        self.assertIn("AccessDenied", said)
        self.assertIn("ocelli archive resume cam", said)
        self.assertEqual(self.store.order()["faults"], 1)
        self.store.order(faults=[])
        self.run_program("archive", "resume", "cam")
        self.assert_whole(self.store, FRAMES)

    def test_an_outage_of_a_camera_archive_loses_nothing(self):
        camera = self.camera()
        running = self.start(camera.url(), "--to", self.store.url(), "--fps",
                             10, "--limit", 60, "--task", "cam", "--json")
        self.wait_for_lines(running, 5)
        self.store.order(refuse=True)
        before = len(self.lines_of(running))
        wait_for(lambda: self.status("cam").get("trouble") and
                 self.status("cam")["waiting"] > 5, "frames to wait")
        self.assertIsNone(running.poll())
        self.store.order(refuse=False)
        self.end_of(running)
        lines = self.lines_of(running)[:-1]
        self.assertGreater(len(lines), before)
        self.assertEqual([line["seq"] for line in lines], list(range(60)))
        self.assertEqual(len(self.frames(self.store)), 60)
        self.verify(self.store.url())

    def test_a_full_spool_may_drop_the_oldest(self):
        camera = self.camera()
        self.store.order(refuse=False, latency=0)
        running = self.start(camera.url(), "--to", self.store.url(), "--fps",
                             25, "--limit", 200, "--json", "--task", "cam",
                             "--spool-max", "1MiB", "--spool-full",
                             "drop-oldest")
        self.wait_for_lines(running, 3)
        self.store.order(refuse=True)
        wait_for(lambda: self.status("cam")["dropped"] > 0,
                 "more than fits in")
        self.store.order(refuse=False)
        self.end_of(running)
        frames = self.frames(self.store)
        self.assertEqual(len(frames), 200)
        self.assertGreater(sum(bool(line.get("dropped")) for line in frames), 0)
        printed = self.lines_of(running)[:-1]
        self.assertEqual([line["seq"] for line in printed], list(range(200)))
        report = self.verify(self.store.url())
        self.assertGreater(report["dropped"], 0)

    def test_a_full_spool_stops_a_camera_and_keeps_what_is_in_it(self):
        camera = self.camera()
        running = self.start(camera.url(), "--to", self.store.url(), "--fps",
                             25, "--limit", 400, "--spool-max", "1MiB",
                             "--task", "cam", "--json")
        self.wait_for_lines(running, 3)
        self.store.order(refuse=True)
        said = self.end_of(running, 1)
        self.assertIn("spool", said)
        self.assertIn("ocelli archive resume cam", said)
        self.store.order(refuse=False)
        resumed = self.start("resume", "cam", "--json")
        self.end_of(resumed, seconds=60)
        frames = self.frames(self.store)
        self.assertGreater(len(frames), 10)
        self.verify(self.store.url())

    def test_a_file_waits_for_room_in_the_spool(self):
        self.store.order(latency=0.02)
        lines, _ = self.archive(LONG, "--to", self.store.url(), "--spool-max",
                                "1MiB", "--parallel", 8)
        self.assertEqual(len(lines), LONG_FRAMES)
        self.assert_whole(self.store, LONG_FRAMES)

    def test_short_answers_are_read_again(self):
        self.archive(CLIP, "--to", self.store.url(), "--limit", 10)
        self.store.order(faults=[
            {"what": "short", "method": "GET", "key": ".jpg", "times": 2},
            {"what": "short", "method": "GET", "key": ".jsonl"},
            {"what": 503, "method": "GET", "key": ".jpg", "times": 2}])
        self.assertEqual(self.verify(self.store.url())["frames"], 10)
        self.assertEqual(self.store.order()["faults"], 5)


class Crashes(ArchiveCase):
    def kill_often(self, place, times, seed):
        """kill -9 at random moments until a run gets through."""
        chance = random.Random(seed)
        running = self.start(LONG, "--to", place.url(), "--task", "cam",
                             "--json")
        printed = self.runs = [running]
        for _ in range(times):
            # A moment that depends on how fast this machine is, not on a clock.
            goal = chance.randrange(1, LONG_FRAMES // times)
            extra = chance.random() * 0.3
            wait_for(lambda: running.poll() is not None or
                     len(self.lines_of(running)) >= goal, "frames", 60)
            time.sleep(extra)
            running.kill()
            running.wait()
            running = self.start("resume", "cam", "--json")
            printed.append(running)
        self.end_of(running)
        return self.assert_whole(place, LONG_FRAMES)

    def test_of_an_archive_in_a_directory(self):
        self.kill_often(Folder(self.folder / "frames"), 4, 1)

    def test_of_an_archive_in_swift(self):
        self.kill_often(self.serve(SwiftServer(self.folder)), 3, 2)

    def test_of_an_archive_in_a_store_that_fails(self):
        store = self.serve(FaultyS3(self.folder))
        chance = random.Random(5)
        store.order(latency=0.1, faults=[
            {"what": chance.choice([500, 503, "reset", "lost"]),
             "method": "PUT", "key": f"{seq:012}-", "times": 1}
            for seq in range(LONG_FRAMES) if chance.random() < 0.2])
        self.kill_often(store, 5, 3)
        # Each frame was told of once, but for the moment of a kill.
        seqs = [line["seq"] for run in self.runs
                for line in self.lines_of(run) if "seq" in line]
        self.assertEqual(sorted(set(seqs)), seqs)

    def test_of_a_camera(self):
        store = self.serve(FaultyS3(self.folder))
        store.order(latency=0.2)
        camera = self.serve(RtspServer(self.folder, CAMERA))
        running = self.start(camera.url(), "--to", store.url(), "--task",
                             "cam", "--json", "--fps", 10)
        for _ in range(3):
            self.wait_for_lines(running, 5)
            running.kill()
            running.wait()
            running = self.start("resume", "cam", "--json")
        self.wait_for_lines(running, 5)
        self.interrupt(running)
        frames = self.frames(store)
        self.assertGreater(len(frames), 20)
        runs = [line["run"] for line in frames]
        self.assertEqual(runs, sorted(runs))
        self.verify(store.url())

    def test_ctrl_c_keeps_what_was_taken(self):
        store = self.serve(FaultyS3(self.folder))
        store.order(latency=0.3)
        running = self.start(LONG, "--to", store.url(), "--task", "cam",
                             "--parallel", 2, "--json")
        self.wait_for_lines(running, 4)
        self.interrupt(running)
        summary = self.lines_of(running)[-1]["summary"]
        self.assertEqual(summary["state"], "stopped")
        store.order(latency=0)
        self.run_program("archive", "resume", "cam")
        self.assert_whole(store, LONG_FRAMES)

    def test_a_store_that_goes_and_comes_back_meanwhile(self):
        store = self.serve(SwiftServer(self.folder))
        running = self.start(LONG, "--to", store.url(), "--task", "cam",
                             "--json", "--parallel", 2)
        self.wait_for_lines(running, 10)
        store.stop()
        running.kill()
        running.wait()
        resumed = self.start("resume", "cam", "--json")
        store.start()
        self.end_of(resumed)
        self.assert_whole(store, LONG_FRAMES)


class Cameras(ArchiveCase):
    def config(self, text):
        file = self.folder / "cameras.toml"
        file.write_text(text)
        return file

    def test_many_in_one_process_and_a_dead_one_disturbs_none(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        place = Folder(self.folder / "frames")
        config = self.config(f"""
            to = "{place.url('')}"
            limit = 20
            [camera.door]
            source = "{camera.url()}"
            fps = 10
            [camera.gone]
            source = "{self.folder}/nothing.mp4"
            [camera.yard]
            source = "{CLIP}"
            """)
        done = self.run_program("archive", "--config", config, "--json", code=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn("camera gone: ", done.stderr)
        for name in ("door", "yard"):
            mine = [line for line in lines if line.get("camera") == name]
            self.assertEqual([line["seq"] for line in mine], list(range(20)))
            self.assertEqual(len(self.frames(place, name)), 20)
            self.verify(place.url(name))
        summary = lines[-1]["summary"]
        self.assertEqual(summary["frames"], 40)
        self.assertEqual([one["state"] for one in summary["cameras"]],
                         ["finished", "failed", "finished"])

    def test_one_that_is_not_there_yet_is_tried_again(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        url = camera.url()
        camera.stop()
        place = Folder(self.folder / "frames")
        running = self.start("--config", self.config(f"""
            to = "{place.url('')}"
            limit = 10
            [camera.late]
            source = "{url}"
            [camera.yard]
            source = "{CLIP}"
            """), "--json")
        wait_for(lambda: "tried again" in running.log.read_text(),
                 "the camera to be missed")
        self.wait_for_lines(running, 10)  # Those of the other.
        camera.start()
        self.end_of(running)
        self.assertEqual(len(self.frames(place, "late")), 10)

    def test_waiting_for_one_can_be_stopped(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        url = camera.url()
        camera.stop()
        running = self.start("--config", self.config(f"""
            to = "dir:{self.folder}/frames"
            [camera.late]
            source = "{url}"
            """))
        wait_for(lambda: "tried again" in running.log.read_text(),
                 "the camera to be missed")
        self.interrupt(running)


class BadInput(ArchiveCase):
    def test_wrong_credentials_are_one_error_at_once(self):
        store = self.serve(FaultyS3(self.folder))
        os.environ["AWS_ACCESS_KEY_ID"] = "somebody"
        said = self.refused(CLIP, "--to", store.url())
        self.assertIn("InvalidAccessKeyId", said)
        counted = store.order()
        self.assertLessEqual(sum(counted["requests"].values()), 2, counted)

    def test_no_credentials(self):
        store = self.serve(FaultyS3(self.folder))
        del os.environ["AWS_SECRET_ACCESS_KEY"]
        said = self.refused(CLIP, "--to", store.url())
        self.assertIn("AWS_", said)
        self.assertEqual(store.order()["requests"], {})

    def test_a_missing_bucket(self):
        self.serve(FaultyS3(self.folder))
        self.assertIn("nowhere", self.refused(CLIP, "--to", "s3://nowhere/a"))

    def test_places_that_are_none(self):
        for place in ("ftp://host/frames", "s3://", "s3://Bad_Bucket!/a",
                      "dir:", "s3://bucket/../a", "s3://bucket/a\nb"):
            with self.subTest(place):
                self.refused(CLIP, "--to", place, code=2)

    def test_options_that_make_no_sense(self):
        to = ["--to", f"dir:{self.folder}/frames"]
        for arguments in ([CLIP], [CLIP, *to, "--fps", 0],
                          [CLIP, *to, "--every", "soon"],
                          [CLIP, *to, "--quality", 101],
                          [CLIP, *to, "--parallel", -1],
                          [CLIP, *to, "--spool-max", "much"],
                          [CLIP, *to, "--spool-full", "explode"],
                          [CLIP, *to, "--fps", 1, "--every", "1s"]):
            with self.subTest(arguments):
                self.refused(*arguments, code=2)

    def test_a_source_that_is_none(self):
        self.refused(self.folder / "nope.mp4", "--to",
                     f"dir:{self.folder}/frames")
        text = self.write("text.mp4", b"no video")
        self.refused(text, "--to", f"dir:{self.folder}/frames")

    def test_a_directory_that_cannot_be(self):
        file = self.write("file", b"x")
        said = self.refused(CLIP, "--to", f"dir:{file}/frames")
        self.assertIn(str(file), said)

    def test_a_spool_that_cannot_be(self):
        file = self.write("file", b"x")
        said = self.refused(CLIP, "--to", f"dir:{self.folder}/frames",
                            "--spool", file / "spool")
        self.assertIn(str(file), said)

    def test_a_disk_that_fills_up_loses_nothing(self):
        place = Folder(self.folder / "frames")
        self.refused(LONG, "--to", place.url(), "--task", "cam",
                     limit=100_000)
        self.run_program("archive", "resume", "cam")
        self.assert_whole(place, LONG_FRAMES)

    def test_two_processes_and_one_spool(self):
        store = self.serve(FaultyS3(self.folder))
        store.order(latency=0.2)
        running = self.start(LONG, "--to", store.url(), "--task", "cam",
                             "--parallel", 4, "--json")
        self.wait_for_lines(running, 2)
        for second in ([CLIP, "--to", store.url()], ["resume", "cam"]):
            said = self.refused(*second)
            self.assertIn(str(running.pid), said)
        store.order(latency=0)
        self.end_of(running)
        self.assert_whole(store, LONG_FRAMES)

    def test_a_camera_that_changes_its_resolution(self):
        place = Folder(self.folder / "frames")
        for index, size in enumerate(("320x240", "640x360")):
            ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=1", "-c:v",
                   "libx264", "-preset", "ultrafast", "-bf", 0, "-pix_fmt",
                   "yuv420p", self.folder / f"{index}.ts")
        video = self.folder / "changing.ts"
        video.write_bytes((self.folder / "0.ts").read_bytes() +
                          (self.folder / "1.ts").read_bytes())
        lines, _ = self.archive(video, "--to", place.url())
        sizes = [(line["width"], line["height"]) for line in lines]
        self.assertEqual(set(sizes), {(320, 240), (640, 360)})
        for line in lines[:1] + lines[-1:]:
            shown = ffprobe(place.path / "cam1" / line["key"])["streams"][0]
            self.assertEqual((shown["width"], shown["height"]),
                             (line["width"], line["height"]))
        self.verify(place.url())
        out = self.folder / "out.mp4"
        self.run_program("archive", "get", place.url(), "-o", out)

    def test_names_with_blanks_and_letters_of_all_kinds(self):
        place = Folder(self.folder / "fotos é")
        prefix = "kamera één/日本 +%20"
        self.archive(CLIP, "--to", place.url(prefix), "--limit", 5)
        self.assertEqual(len(self.frames(place, prefix)), 5)
        self.verify(place.url(prefix))

    def tampered(self):
        """An archive of 20 frames, and the keys of its pictures."""
        place = Folder(self.folder / "frames")
        self.archive(CLIP, "--to", place.url(), "--limit", 20, "--task", "cam")
        self.verify("cam")
        keys = [key for key in place.keys() if key.endswith(".jpg")]
        (segment,) = (key for key in place.keys() if key.endswith(".jsonl"))
        return place, keys, segment

    def kinds(self, place):
        report = self.verify(place.url(), 1)
        for finding in report["findings"]:
            self.assertTrue(finding["where"] and finding["message"], finding)
        return {finding["finding"] for finding in report["findings"]}

    def test_changed_removed_added_and_moved_frames_are_found(self):
        place, keys, _ = self.tampered()
        whole = {key: place.get(key) for key in keys}

        def restore():
            for key in place.keys():
                if key.endswith(".jpg") and key not in whole:
                    place.delete(key)
            for key, body in whole.items():
                place.put(key, body)
            self.verify(place.url())
        body = bytearray(whole[keys[3]])
        body[-40] ^= 1
        place.put(keys[3], bytes(body))
        self.assertEqual(self.kinds(place), {"changed"})
        restore()
        place.delete(keys[19])
        self.assertEqual(self.kinds(place), {"missing"})
        restore()
        place.put(keys[0].replace(".jpg", "-copy.jpg"), whole[keys[0]])
        self.assertEqual(self.kinds(place), {"added"})
        restore()
        place.put(keys[4], whole[keys[5]])
        place.put(keys[5], whole[keys[4]])
        self.assertEqual(self.kinds(place), {"changed"})
        restore()
        place.put(keys[6] + ".bak", whole[keys[6]])
        place.delete(keys[6])
        self.assertEqual(self.kinds(place), {"missing", "added"})

    def test_changes_of_the_manifest_are_found(self):
        place, _, segment = self.tampered()
        text = place.get(segment).decode()
        lines = text.splitlines()
        self.assertEqual(len(lines), 21)

        def found(changed):
            place.put(segment, ("\n".join(changed) + "\n").encode())
            return self.kinds(place)
        self.assertIn("broken line", found(
            lines[:7] + [lines[7][:50]] + lines[8:]))
        self.assertIn("broken line", found(
            lines[:7] + ["{}"] + lines[7:]))
        self.assertIn("broken chain", found(
            lines[:7] + [lines[7].replace('"pts":', '"pts":1')] + lines[8:]))
        self.assertTrue(found(lines[:7] + lines[8:]) &
                        {"broken chain", "out of order"})
        self.assertTrue(found(lines[:7] + [lines[6]] + lines[7:]) &
                        {"broken chain", "out of order"})
        self.assertTrue(found(lines[:7] + [lines[8], lines[7]] + lines[9:]) &
                        {"broken chain", "out of order"})
        place.put(segment, text.encode())
        self.verify(place.url())
        # An end cut off shows only to who noted the head, as the task did.
        found(lines[:-1] + [lines[-1][:9]])
        place.put(segment, ("\n".join(lines[:-1]) + "\n").encode())
        report = self.verify("cam", 1)
        self.assertEqual([finding["finding"] for finding in
                          report["findings"]], ["wrong head"])
        self.verify(place.url())
        head = json.loads(lines[-1])["chain"]
        self.verify(place.url(), 1, "--head", head)
        place.put(segment, text.encode())
        self.verify(place.url(), 0, "--head", head)

    def test_a_broken_line_here_stops_nothing_silently(self):
        place = Folder(self.folder / "frames")
        self.archive(CLIP, "--to", place.url(), "--limit", 20, "--task", "cam")
        (local,) = self.data.rglob("*.jsonl")
        lines = local.read_text().splitlines()
        lines[4] = lines[4][:70]
        local.write_text("\n".join(lines) + "\n")
        said = self.refused(CLIP, "--to", place.url())
        self.assertIn(local.name, said)
        self.assertRegex(said, r"\b5\b")
        self.verify(place.url())

    def test_nothing_to_verify(self):
        (self.folder / "empty").mkdir()
        for command in (["verify"], ["get", "-o", self.folder / "out"],
                        ["prune", "--older-than", "1d"]):
            self.refused(command[0], f"dir:{self.folder}/empty", *command[1:])

    def test_unknown_tasks(self):
        for command in ("status", "wait", "results", "stop", "resume"):
            self.assertIn("nobody", self.refused(command, "nobody"))

    def test_secrets_of_cameras_are_not_told(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        place = Folder(self.folder / "frames")
        running = self.start(camera.secret_url, "--to", place.url(), "--task",
                             "cam", "--limit", 5)
        self.end_of(running)
        told = running.out.read_text() + running.log.read_text()
        for command in (["list"], ["status", "cam"], ["status", "cam",
                                                      "--json"]):
            told += self.run_program("archive", *command).stdout
        for key in place.keys():
            if key.endswith(".jsonl"):
                told += place.get(key).decode()
        self.assertNotIn(camera.PASSWORD, told)
        for file in self.data.rglob("*"):
            if file.is_file() and not file.is_symlink() and (
                    "models" not in file.parts and
                    camera.PASSWORD.encode() in file.read_bytes()):
                self.assertEqual(file.stat().st_mode & 0o077, 0, file)


if __name__ == "__main__":
    unittest.main()
