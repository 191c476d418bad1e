#!/usr/bin/env python3
"""`ocelli live` from outside: files, cameras and streams, bad video.

Run: live_test.py PROGRAM [unittest arguments]. The servers are real and on
loopback (servers.py); models and photos come from where `./dev test` put them.
"""
import datetime
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from case import ALBUM
from live_case import LiveCase
from servers import (GarbageServer, HttpServer, RtmpServer, RtspServer, ffmpeg,
                     ffprobe, feed, free_port, wait_for)

CLIPS = pathlib.Path(tempfile.mkdtemp(prefix="ocelli-clips-"))
CLIP = CLIPS / "clip.mp4"  # 75 frames of 320x240, 25 a second, and a tone.
CAMERA = CLIPS / "camera.mp4"  # The same without B-frames.
LONG = CLIPS / "long.mp4"  # The same for ten minutes.
FRAMES, WIDTH, HEIGHT, RATE = 75, 320, 240, 25
TEST_PICTURE = ["-f", "lavfi", "-i",
                f"testsrc2=s={WIDTH}x{HEIGHT}:r={RATE}:d=3"]
TONE = ["-f", "lavfi", "-i", "sine=440:d=3"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", RATE, "-pix_fmt",
        "yuv420p"]


def setUpModule():
    unittest.addModuleCleanup(shutil.rmtree, CLIPS)
    sound = ["-c:a", "aac", "-shortest"]
    ffmpeg(*TEST_PICTURE, *TONE, *H264, "-bf", 2, *sound, CLIP)
    ffmpeg(*TEST_PICTURE, *TONE, *H264, "-bf", 0, *sound, CAMERA)
    ffmpeg("-stream_loop", 199, "-i", CLIP, "-c", "copy", LONG)


def streams(source, *arguments):
    """By kind, the first of each."""
    found = {}
    for stream in ffprobe(source, *arguments)["streams"]:
        found.setdefault(stream["codec_type"], stream)
    return found


def frames_of(source):
    """How many pictures really decode."""
    return int(streams(source, "-count_frames")["video"]["nb_read_frames"])


def sound_of(source):
    """The hash of every packet of sound."""
    packets = ffprobe(source, "-select_streams", "a", "-show_packets",
                      "-show_data_hash", "md5")["packets"]
    return [packet["data_hash"] for packet in packets]


def still(picture, seconds, path, *filters):
    """A photo as a video."""
    ffmpeg("-loop", 1, "-framerate", RATE, "-t", seconds, "-i", picture, "-vf",
           ",".join([*filters, "crop=trunc(iw/2)*2:trunc(ih/2)*2"]), *H264,
           path)
    return path


class Planes:
    """The frames of a Y4M file, brightness only."""

    def __init__(self, data):
        header, self.frames = data.split(b"\n", 1)
        self.header = header.decode()
        self.width = int(re.search(r" W(\d+)", self.header)[1])
        self.height = int(re.search(r" H(\d+)", self.header)[1])
        even = (self.width + 1) // 2, (self.height + 1) // 2
        self.size = 6 + self.width * self.height + 2 * even[0] * even[1]

    def __len__(self):
        return len(self.frames) // self.size

    def frame(self, index):
        """With its two planes of colour."""
        start = range(0, len(self.frames), self.size)[index]
        assert self.frames[start:start + 6] == b"FRAME\n"
        return self.frames[start + 6:start + self.size]

    def difference(self, other, index, left, top, right, bottom):
        """Of brightness in a rectangle: the mean of what differs."""
        mine, others = self.frame(index), other.frame(index)
        total = count = 0
        for y in range(max(0, int(top)), min(self.height, int(bottom))):
            for x in range(max(0, int(left)), min(self.width, int(right))):
                at = y * self.width + x
                total += abs(mine[at] - others[at])
                count += 1
        return total / count


def without_lookahead(path):
    """Whether x264, which says its settings, was in a hurry."""
    return b" mbtree=0 " in path.read_bytes()


class VideoCase(LiveCase):
    def live(self, source, *arguments, **options):
        """The summary."""
        done = self.run_program("live", source, *arguments, "--json", **options)
        return json.loads(done.stdout.splitlines()[-1])

    def raw(self, source, *arguments):
        """What comes out, without encoding."""
        path = self.folder / "raw.y4m"
        with open(path, "wb") as out:
            self.run_program("live", source, "--out", "-", *arguments,
                             stdout=out)
        return Planes(path.read_bytes())

    def decoded(self, source):
        return Planes(ffmpeg("-i", source, "-map", "0:v", "-pix_fmt", "yuv420p",
                             "-f", "yuv4mpegpipe", "-"))

    def analyzed(self, source, *arguments):
        path = self.folder / "faces.jsonl"
        summary = self.live(source, "--analyze", path, *arguments)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return summary, lines

    def wait_for_bytes(self, running, path, count):
        def written():
            self.assertIsNone(running.poll(), "ended too early")
            return path.exists() and path.stat().st_size >= count
        wait_for(written, f"{count} bytes in {path.name}", 60)


class Files(VideoCase):
    def test_every_kind_of_file_has_all_frames_and_the_sound(self):
        opus = self.folder / "opus.mkv"
        ffmpeg("-i", CLIP, "-c:v", "copy", "-c:a", "libopus", opus)
        for source, name in ((CLIP, "out.mp4"), (CLIP, "out.mkv"),
                             (opus, "out.webm")):
            with self.subTest(name):
                out = self.folder / name
                summary = self.live(source, "--out", out)
                self.assertEqual(
                    [summary[k] for k in ("frames_in", "frames_out", "dropped",
                                          "damaged", "reconnects")],
                    [FRAMES, FRAMES, 0, 0, 0])
                self.assertEqual(frames_of(out), FRAMES)
                # What is to be heard before the first picture is left out.
                sound = sound_of(source)
                kept = sound_of(out)
                self.assertGreaterEqual(len(kept), len(sound) - 1)
                self.assertEqual(kept, sound[len(sound) - len(kept):])
                before, after = streams(source), streams(out)
                self.assertEqual(after["audio"]["codec_name"],
                                 before["audio"]["codec_name"])
                self.assertAlmostEqual(
                    float(ffprobe(out)["format"]["duration"]), 3, delta=0.1)
                late = [float(s["audio"]["start_time"]) -
                        float(s["video"]["start_time"])
                        for s in (before, after)]
                self.assertAlmostEqual(*late, delta=0.03)

    def test_no_sound_means_none(self):
        out = self.folder / "out.mp4"
        self.live(CLIP, "--out", out, "--no-sound")
        self.assertEqual(list(streams(out)), ["video"])

    def test_an_hls_folder(self):
        out = self.folder / "hls"
        self.live(CLIP, "--out", f"hls:{out}")
        self.assertEqual(frames_of(out / "index.m3u8"), FRAMES)
        self.assertIn("#EXT-X-ENDLIST", (out / "index.m3u8").read_text())

    def test_raw_frames_are_those_of_the_file(self):
        raw, decoded = self.raw(CLIP), self.decoded(CLIP)
        self.assertIn("F25:1", raw.header)
        self.assertEqual(len(raw), FRAMES)
        self.assertEqual(raw.frames, decoded.frames)

    def test_encoded_frames_are_near_those_of_the_file(self):
        out = self.folder / "out.mp4"
        self.live(CLIP, "--out", out)
        said = subprocess.run(
            ["ffmpeg", "-nostdin", "-i", str(out), "-i", str(CLIP), "-lavfi",
             "[0:v]setpts=PTS-STARTPTS[a];[1:v]setpts=PTS-STARTPTS[b];"
             "[a][b]psnr", "-f", "null", "-"],
            text=True, capture_output=True, check=True).stderr
        self.assertGreater(float(re.search(r"average:([\d.]+)", said)[1]), 36)
        self.assertFalse(without_lookahead(out))

    def test_limits_of_frames_and_of_time(self):
        for limit, frames in ((["--limit", 10], 10), (["--duration", 1], 25)):
            out = self.folder / "out.mkv"
            self.live(CLIP, "--out", out, *limit)
            self.assertAlmostEqual(frames_of(out), frames, delta=1)

    def test_what_was_written_plays_after_kill(self):
        for name in ("out.mp4", "out.mkv"):
            with self.subTest(name):
                out = self.folder / name
                running = self.start(LONG, "--out", out)
                self.wait_for_bytes(running, out, 300_000)
                running.kill()
                running.communicate()
                self.assertGreater(frames_of(out), RATE)

    def test_ctrl_c_ends_the_file(self):
        out = self.folder / "out.mp4"
        running = self.start(LONG, "--out", out)
        self.wait_for_bytes(running, out, 100_000)
        summary, _ = self.interrupt(running)
        self.assertEqual(frames_of(out), summary["frames_out"])
        self.assertLess(summary["frames_out"], 200 * FRAMES)

    def test_a_full_disk_leaves_what_plays(self):
        out = self.folder / "out.mp4"
        done = self.run_program("live", LONG, "--out", out, code=1,
                                limit=300_000)
        self.assertIn("out.mp4", done.stderr)
        self.assertGreater(frames_of(out), RATE)

    def test_a_known_face_has_its_name(self):
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg")
        video = still(ALBUM / "jesper.jpg", 2, self.folder / "jesper.mp4")
        summary, lines = self.analyzed(video)
        self.assertEqual(summary["frames_in"], len(lines))
        self.assertEqual([line["sequence"] for line in lines],
                         list(range(2 * RATE)))
        times = [line["time"] for line in lines]
        self.assertEqual(times, sorted(set(times)))
        for line in lines[2:]:
            self.assertEqual(len(line["faces"]), 1, line)
        tracks = {line["faces"][0]["track"] for line in lines[2:]}
        self.assertEqual(len(tracks), 1)
        last = lines[-1]["faces"][0]
        self.assertEqual(last["name"], "Jesper")
        self.assertTrue(last["seen"])
        self.assertNotIn("mesh", last)
        (photo,) = self.json_lines("recognize", ALBUM / "jesper.jpg")
        box = photo["faces"][0]["box"]
        for side, value in box.items():
            self.assertAlmostEqual(last["box"][side], value,
                                   delta=0.2 * box["width"], msg=side)

    def test_mesh_points_come_when_asked(self):
        video = still(ALBUM / "jesper.jpg", 0.4, self.folder / "jesper.mp4")
        _, lines = self.analyzed(video, "--mesh-points")
        self.assertEqual(len(lines[-1]["faces"][0]["mesh"]), 478)

    def test_everybody_is_anonymous_except_who_was_named(self):
        self.run_program("people", "add", "Jesper", ALBUM / "jesper.jpg")
        both = self.folder / "both.png"
        ffmpeg("-i", ALBUM / "jesper.jpg", "-i", ALBUM / "anne_helene.jpg",
               "-lavfi", "[0]scale=-2:480[a];[1]scale=-2:480[b];[a][b]hstack",
               both)
        video = still(both, 2, self.folder / "both.mp4")
        _, lines = self.analyzed(video)
        boxes = {face["name"]: face["box"] for face in lines[-1]["faces"]}
        self.assertEqual(set(boxes), {"Jesper", None})
        before = self.decoded(video)
        after = self.raw(video, "--effect",
                         "anonymize:mode=pixelate,except=Jesper")
        self.assertEqual(len(after), len(before))

        def change(name):
            box = boxes[name]
            return before.difference(
                after, -1, box["x"], box["y"], box["x"] + box["width"],
                box["y"] + box["height"])
        self.assertEqual(change("Jesper"), 0)
        self.assertGreater(change(None), 4)
        # The sky above and the ground below.
        for top, bottom in ((0, 4), (before.height - 4, before.height)):
            self.assertEqual(before.difference(
                after, -1, 0, top, before.width, bottom), 0)

    def test_effects_chain(self):
        video = still(ALBUM / "jesper.jpg", 0.4, self.folder / "jesper.mp4")
        out = self.folder / "out.mp4"
        self.live(video, "--effect", "beauty", "--effect",
                  "reshape:slim=0.3,eyes=0.2", "--effect", "overlay", "--out",
                  out)
        self.assertEqual(frames_of(out), 10)

    def test_effects_are_listed_with_their_ranges(self):
        done = self.run_program("effects", "--json")
        for name in ("beauty", "reshape", "anonymize", "overlay", "filter"):
            self.assertIn(name, done.stdout)
        for name in ("beauty", "slim", "pixelate"):
            self.assertIn(name, self.run_program("effects").stdout)


class Cameras(VideoCase):
    def test_a_camera_to_rtmp(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        server = self.serve(RtmpServer(self.folder))
        running = self.start(camera.url(), "--out", server.url("cam"))
        # nginx has HLS of it when a few seconds came through.
        wait_for(lambda: running.poll() is not None or
                 (server.hls / "cam.m3u8").exists(), "a stream at nginx", 60)
        self.assertIsNone(running.poll(), "ended too early")
        found = wait_for(
            lambda: (lambda now: now if len(now) == 2 else None)(
                streams(server.url("cam"), "-rw_timeout", 5_000_000)),
            "picture and sound", 60)
        self.assertEqual((found["video"]["width"], found["video"]["height"]),
                         (WIDTH, HEIGHT))
        self.assertEqual(found["video"]["codec_name"], "h264")
        self.assertEqual(found["audio"]["codec_name"], "aac")
        summary, _ = self.interrupt(running)
        self.assertGreater(summary["frames_out"], RATE)
        self.assertEqual(summary["reconnects"], 0)
        self.assertLessEqual(summary["latency_ms"]["p50"],
                             summary["latency_ms"]["p95"])

    def test_a_camera_by_each_transport(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        for transport in ("tcp", "udp", "auto"):
            out = self.folder / f"{transport}.mkv"
            summary = self.live(camera.url(), "--rtsp-transport", transport,
                                "--limit", 20, "--out", out)
            self.assertEqual(summary["frames_in"], 20)
            self.assertEqual(frames_of(out), summary["frames_out"])
            self.assertTrue(without_lookahead(out))

    def test_rtmp_in_with_its_sound(self):
        server = self.serve(RtmpServer(self.folder))
        self.serve(feed(self.folder, CAMERA, server.url("cam")))
        out = self.folder / "out.mp4"
        self.live(server.url("cam"), "--limit", 40, "--out", out)
        self.assertAlmostEqual(frames_of(out), 40, delta=2)
        heard = sound_of(out)
        self.assertGreater(len(heard), 30)
        self.assertLessEqual(set(heard), set(sound_of(CAMERA)))

    def test_hls_in(self):
        server = self.serve(RtmpServer(self.folder))
        self.serve(feed(self.folder, CAMERA, server.url("cam")))
        server.wait_for_hls("cam")
        out = self.folder / "out.mp4"
        self.live(server.hls_url("cam"), "--limit", 40, "--out", out)
        self.assertAlmostEqual(frames_of(out), 40, delta=2)

    def test_pushed_by_rtsp(self):
        server = self.serve(RtspServer(self.folder, CAMERA))
        for path, arguments in (("push", ["--no-sound"]),
                                ("push-with-sound", [])):
            server.pushed.unlink(missing_ok=True)
            self.live(server.url(), "--limit", 50, "--out", server.url(path),
                      *arguments)
            wait_for(lambda: server.pushed.exists() and
                     server.pushed.stat().st_size > 10_000, path)
            self.assertGreater(frames_of(server.pushed), RATE)

    def test_a_camera_that_comes_back_is_found_again(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        running, lines, wait = self.follow(camera.url(), "--read-timeout", 3)
        wait(lambda line: line["sequence"] >= 10, "frames")
        camera.restart()
        wait(self.after(self.now()), "frames of the second connection")
        summary, _ = self.interrupt(running)
        self.assertGreaterEqual(summary["reconnects"], 1)
        for before, after in zip(lines(), lines()[1:]):
            self.assertLess(before["time"], after["time"])
            self.assertLess(before["sequence"], after["sequence"])

    def test_a_dead_camera_beside_a_live_one(self):
        dead = self.serve(RtspServer(self.folder, CAMERA, "dead"))
        alive = self.serve(RtspServer(self.folder, CAMERA, "alive"))
        running, lines, wait = self.follow(
            dead.url(), alive.url(), "--read-timeout", 1, "--reconnects", 1)

        def of(server, like=lambda _: True):
            return lambda line: (str(server.port) in line["source"] and
                                 like(line))
        wait(of(dead), "frames of one")
        wait(of(alive), "frames of the other")
        dead.stop()
        later = self.now() + datetime.timedelta(seconds=3)
        wait(of(alive, self.after(later)), "later frames of the other")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        self.assertIn(str(dead.port), err)
        (summary,) = [line for line in map(json.loads, out.splitlines())
                      if str(alive.port) in line["source"]]
        self.assertEqual(summary["reconnects"], 0)
        self.assertFalse([line for line in lines() if of(
            dead, self.after(later))(line)])

    def test_a_camera_that_stops_sending_is_an_error_in_time(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        running, _, wait = self.follow(camera.url(), "--read-timeout", 1,
                                       "--reconnects", 0)
        wait(lambda line: line["sequence"] >= 5, "frames")
        camera.signal(signal.SIGSTOP)
        _, err = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 1, err)
        self.assertIn(str(camera.port), err)

    def test_passwords_are_never_shown(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        out = self.folder / "out.mkv"
        done = self.run_program("live", camera.secret_url, "--limit", 5,
                                "--out", out, "--json")
        self.assertNotIn(camera.PASSWORD, done.stdout + done.stderr)
        wrong = camera.url("secret", f"{camera.USER}:Zwaluw-99")
        done = self.run_program("live", wrong, "--out", out, code=1)
        self.assertNotIn("Zwaluw-99", done.stdout + done.stderr)
        self.assertIn(str(camera.port), done.stderr)
        self.assertRegex(done.stderr, "(?i)password|unauthori[sz]ed")
        self.run_program("live", camera.url("secret"), "--out", out, code=1)

    def test_nobody_there(self):
        port = free_port()
        for scheme in ("rtsp", "rtmp", "http"):
            done = self.run_program(
                "live", f"{scheme}://127.0.0.1:{port}/live/x", "--analyze", "-",
                "--open-timeout", 3, code=1)
            self.assertIn(str(port), done.stderr)
        for url in (f"rtmp://127.0.0.1:{port}/live/x",
                    f"rtsp://127.0.0.1:{port}/push"):
            done = self.run_program("live", CLIP, "--out", url,
                                    "--open-timeout", 3, code=1)
            self.assertIn(str(port), done.stderr)

    def test_no_such_camera(self):
        camera = self.serve(RtspServer(self.folder, CAMERA))
        done = self.run_program("live", camera.url("none"), "--analyze", "-",
                                code=1)
        self.assertIn("none", done.stderr)

    def test_garbage(self):
        server = self.serve(GarbageServer())
        for scheme in ("rtsp", "rtmp", "http"):
            with self.subTest(scheme):
                done = self.run_program(
                    "live", server.url(scheme), "--analyze", "-",
                    "--open-timeout", 3, code=1)
                self.assertIn(str(server.port), done.stderr)

    def test_silence_ends_in_time(self):
        server = self.serve(GarbageServer(silent=True))
        for scheme in ("rtsp", "rtmp", "http"):
            with self.subTest(scheme):
                start = time.monotonic()
                done = self.run_program(
                    "live", server.url(scheme), "--analyze", "-",
                    "--open-timeout", 1, "--rtsp-transport", "tcp", code=1)
                self.assertLess(time.monotonic() - start, 8)
                self.assertRegex(done.stderr, "(?i)time|within")

    def test_ctrl_c_while_connecting(self):
        server = self.serve(GarbageServer(silent=True))
        running = self.start(server.url("rtsp"), "--analyze", "-",
                             "--open-timeout", 60)
        wait_for(lambda: server.taken, "a connection")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 130, err)


class BadVideo(VideoCase):
    def check_refused(self, source, *expected, arguments=(), code=1):
        done = self.run_program("live", source, *arguments, "--analyze", "-",
                                code=code)
        errors = [line for line in done.stderr.splitlines()
                  if line.startswith("ocelli: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        for words in expected:
            self.assertIn(words, errors[0])
        return done

    def check_usage(self, *arguments):
        return self.run_program("live", CLIP, *arguments, code=2).stderr

    def test_an_unknown_effect_lists_those_there_are(self):
        said = self.check_usage("--effect", "glitter", "--out", "-")
        for name in ("glitter", "beauty", "anonymize", "overlay"):
            self.assertIn(name, said)

    def test_a_parameter_out_of_range_says_the_range(self):
        said = self.check_usage("--effect", "reshape:slim=7", "--out", "-")
        for words in ("slim", "7", "1"):
            self.assertIn(words, said)
        said = self.check_usage("--effect", "reshape:slimness=0.1", "--out",
                                "-")
        self.assertIn("eyes", said)
        said = self.check_usage("--effect", "anonymize:mode=invert", "--out",
                                "-")
        self.assertIn("pixelate", said)
        self.check_usage("--effect", "reshape:slim=nan", "--out", "-")

    def test_unknown_kinds_of_source_and_sink(self):
        self.run_program("live", "gopher://127.0.0.1/x", "--analyze", "-",
                         code=2)
        self.check_usage("--out", "gopher://127.0.0.1/x")
        self.check_usage("--out", self.folder / "out.xyz")
        self.run_program("live", code=2)

    def test_an_output_that_cannot_be_written(self):
        for out in (self.folder / "none/out.mp4", "/proc/out.mkv",
                    f"hls:{CLIP}/folder"):
            done = self.run_program("live", CLIP, "--out", out, code=1)
            self.assertIn(str(out).removeprefix("hls:"), done.stderr)
        with open("/dev/full", "w") as full:
            self.run_program("live", CLIP, "--out", "-", code=1, stdout=full)

    def test_no_such_file(self):
        self.check_refused(self.folder / "none.mp4", "none.mp4",
                           "No such file")

    def test_what_is_no_video(self):
        for name, data in (("empty.mp4", b""), ("text.mp4", b"hello" * 1000),
                           ("noise.mkv", random.Random(5).randbytes(100_000))):
            self.check_refused(self.write(name, data), name)

    def test_half_a_file_without_its_index(self):
        data = CLIP.read_bytes()
        self.check_refused(self.write("half.mp4", data[:len(data) // 2]),
                           "half.mp4")

    def test_no_frame(self):
        whole = self.folder / "whole.mp4"
        ffmpeg("-i", CLIP, "-c", "copy", "-movflags",
               "empty_moov+frag_keyframe", whole)
        data = whole.read_bytes()
        path = self.write("none.mp4", data[:data.index(b"moof") - 4])
        self.check_refused(path, "none.mp4")

    def test_only_sound(self):
        path = self.folder / "sound.m4a"
        ffmpeg("-i", CLIP, "-vn", "-c", "copy", path)
        self.check_refused(path, "sound.m4a", "only sound", code=2)

    def test_one_pixel(self):
        path = self.folder / "one.mkv"
        ffmpeg(*TEST_PICTURE, "-frames:v", 10, "-vf", "scale=1:1", "-c:v",
               "ffv1", path)
        summary, lines = self.analyzed(path)
        self.assertEqual((summary["frames_in"], len(lines)), (10, 10))
        self.assertEqual([line["faces"] for line in lines], [[]] * 10)
        raw = self.raw(path, "--effect", "beauty", "--effect", "overlay")
        self.assertEqual(len(raw), 10)
        out = self.folder / "out.mp4"
        self.live(path, "--out", out)
        self.assertEqual(frames_of(out), 10)

    def test_without_a_face_effects_change_nothing(self):
        raw = self.raw(CLIP, "--limit", 10, "--effect", "beauty", "--effect",
                       "reshape:slim=0.5", "--effect", "anonymize", "--effect",
                       "overlay")
        decoded = self.decoded(CLIP)
        self.assertEqual(raw.frames, decoded.frames[:len(raw.frames)])
        self.assertEqual(len(raw), 10)

    def test_twenty_faces(self):
        crowd = self.folder / "crowd.png"
        ffmpeg("-loop", 1, "-i", ALBUM / "jesper_2.jpg", "-frames:v", 1,
               "-vf", "scale=400:-2,tile=5x4", crowd)
        video = still(crowd, 0.4, self.folder / "crowd.mp4")
        _, lines = self.analyzed(video)
        faces = lines[-1]["faces"]
        self.assertGreaterEqual(len(faces), 18)
        self.assertEqual(len({face["track"] for face in faces}), len(faces))
        out = self.folder / "out.mp4"
        self.live(video, "--effect", "beauty", "--effect", "overlay", "--out",
                  out)
        self.assertEqual(frames_of(out), 10)

    def test_damage_in_the_middle_is_passed_over(self):
        stream = self.folder / "stream.ts"
        ffmpeg("-i", CLIP, "-c", "copy", stream)
        data, noise = bytearray(stream.read_bytes()), random.Random(6)
        for at in range(len(data) // 3, len(data) // 2, 188):
            data[at + 20:at + 120] = noise.randbytes(100)
        out = self.folder / "out.mp4"
        self.live(self.write("damaged.ts", bytes(data)), "--out", out)
        self.assertGreater(frames_of(out), FRAMES // 2)

    def test_the_size_changes_in_the_middle(self):
        pieces = []
        for size in ("320x240", "480x270"):
            piece = self.folder / f"{size}.h264"
            ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=1", *H264,
                   "-bf", 0, piece)
            pieces.append(piece.read_bytes())
        both = self.write("both.h264", b"".join(pieces))
        stream = self.folder / "both.ts"
        ffmpeg("-framerate", RATE, "-i", both, "-c", "copy", stream)
        out = self.folder / "out.mp4"
        self.live(stream, "--out", out)
        video = streams(out, "-count_frames")["video"]
        self.assertEqual((video["width"], video["height"]), (320, 240))
        self.assertEqual(int(video["nb_read_frames"]), 2 * RATE)

    def test_a_turned_video_comes_out_upright(self):
        turned = self.folder / "turned.mp4"
        ffmpeg("-i", CLIP, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
        raw = self.raw(turned, "--limit", 1)
        self.assertEqual((raw.width, raw.height), (HEIGHT, WIDTH))
        self.assertEqual(raw.frame(0), self.decoded(turned).frame(0))

    def test_frames_at_any_pace(self):
        uneven = self.folder / "uneven.mp4"
        ffmpeg("-i", CLIP, "-an", "-vf", "select='not(between(n,20,50))'",
               "-vsync", "vfr", *H264, uneven)
        out = self.folder / "out.mp4"
        self.live(uneven, "--out", out)

        def times(path):
            packets = ffprobe(path, "-select_streams", "v", "-show_packets")
            found = sorted(float(p["pts_time"]) for p in packets["packets"])
            return [t - found[0] for t in found]
        self.assertEqual(len(times(out)), len(times(uneven)))
        for before, after in zip(times(uneven), times(out)):
            self.assertAlmostEqual(before, after, delta=0.005)

    def test_a_playlist_cannot_read_local_files(self):
        secret = self.folder / "secret.ts"
        ffmpeg("-i", CLIP, "-c", "copy", secret)
        site = self.folder / "site"
        site.mkdir()
        server = self.serve(HttpServer(site))
        for number, address in enumerate((
                f"file://{secret}", f"file:{secret}", f"concat:{secret}",
                f"subfile,,start,0,end,0,,:{secret}", f"cache:{secret}",
                f"async:file:{secret}")):
            name = f"{number}.m3u8"
            (site / name).write_text(
                "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n"
                f"{address}\n#EXT-X-ENDLIST\n")
            if number == 0:  # The bait is good: who trusts it, reads it.
                self.assertEqual(len(ffprobe(
                    server.url(name), "-protocol_whitelist",
                    "http,tcp,file")["streams"]), 2)
            with self.subTest(address):
                self.check_refused(server.url(name), arguments=[
                    "--open-timeout", 3, "--read-timeout", 3, "--reconnects",
                    0])
                self.check_refused(site / name)

    def test_a_list_of_files_is_no_video(self):
        path = self.write("list.mp4", f"ffconcat version 1.0\nfile {CLIP}\n"
                          .encode())
        self.check_refused(path, "list.mp4")


if __name__ == "__main__":
    unittest.main(verbosity=2)
