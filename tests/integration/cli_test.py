#!/usr/bin/env python3
"""The program as its users meet it: real models, real photos, bad input.

Run: cli_test.py PROGRAM [unittest arguments]. Models and photos come from
where `./dev test` put them; everything else lives in a temporary folder.
"""
import contextlib
import http.server
import json
import os
import pathlib
import pty
import shutil
import signal
import sqlite3
import struct
import subprocess
import termios
import threading
import time
import unittest

from case import ALBUM, DATA, FLAGS, MODELS, PHOTOS, PROGRAM, Case, png


class Recognize(Case):
    def test_finds_a_face_where_it_is(self):
        line, = self.json_lines("recognize", ALBUM / "jesper_2.jpg")
        self.assertEqual((line["width"], line["height"]), (800, 532))
        face, = line["faces"]
        box = face["box"]
        # The face fills the right middle of the picture.
        self.assertTrue(250 < box["x"] + box["width"] / 2 < 600, box)
        self.assertTrue(100 < box["y"] + box["height"] / 2 < 400, box)
        self.assertEqual(len(face["keypoints"]), 6)
        self.assertNotIn("mesh", face)
        self.assertNotIn("descriptor", face)

    def test_mesh_and_descriptor_come_when_asked(self):
        line, = self.json_lines("recognize", ALBUM / "jesper_2.jpg", "--mesh",
                                "--descriptors")
        face, = line["faces"]
        self.assertEqual(len(face["mesh"]), 478)
        self.assertAlmostEqual(sum(v * v for v in face["descriptor"]), 1, 4)

    def test_names_who_was_taught_and_nobody_else(self):
        self.teach_jesper()
        self.assertEqual(
            self.names(ALBUM / "pool.jpg", PHOTOS / "sample1.jpg")[1].count(
                "Jesper"), 0)
        self.assertIn("Jesper", self.names(ALBUM / "bar55.jpg")[0])

    def test_a_folder_comes_in_order_and_the_second_time_from_the_cache(self):
        first = self.run_program("recognize", ALBUM, "--json")
        second = self.run_program("recognize", ALBUM, "--json")
        self.assertEqual(first.stdout, second.stdout)
        paths = [json.loads(line)["path"] for line in first.stdout.splitlines()]
        self.assertEqual(paths, sorted(paths))
        self.assertGreaterEqual(len(paths), 24)
        self.assertIn(f"{len(paths)} from the cache", second.stderr)

    def test_the_second_time_opens_no_model(self):
        photo = ALBUM / "jesper.jpg"
        self.run_program("recognize", photo)
        done = subprocess.run(
            [PROGRAM, "recognize", str(photo)], text=True, capture_output=True,
            env={**os.environ, "OCELLI_DATA": str(self.data),
                 "OCELLI_ONNXRUNTIME": "/no/such/library"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("jesper.jpg", done.stdout)

    def test_annotate_writes_a_picture_for_each_photo(self):
        out = self.folder / "out"
        photo = (ALBUM / "jesper.jpg").read_bytes()
        self.write("album/a/one.jpg", photo)
        self.write("album/b/one.jpg", photo)
        other = self.write("other/two.jpg", photo)
        self.run_program("recognize", self.folder / "album", other, other,
                         "--annotate", out)
        pictures = sorted(str(p.relative_to(out)) for p in out.rglob("*.*"))
        self.assertEqual(
            pictures, ["a/one.jpg", "b/one.jpg", "two-2.jpg", "two.jpg"])

    def test_one_photo_under_two_names_is_recognised_once(self):
        copy = self.write("copy.jpg", (ALBUM / "jesper.jpg").read_bytes())
        done = self.run_program("recognize", ALBUM / "jesper.jpg", copy, "-j1")
        self.assertIn("1 from the cache", done.stderr)

    def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(self):
        photo = (PHOTOS / "sample2.jpg").read_bytes()
        for i in range(200):  # Distinct bytes after the end of the picture.
            self.write(f"many/{i:03}.jpg", photo + bytes([i]))
        process = subprocess.Popen(
            [PROGRAM, "recognize", str(self.folder / "many")], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OCELLI_DATA": str(self.data)})
        first = process.stdout.readline()
        self.assertIn("000.jpg", first)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("stopped after", err)
        done = 1 + len(out.splitlines())
        self.assertLess(done, 200)
        self.assertEqual(sqlite3.connect(self.results).execute(
            "PRAGMA integrity_check").fetchone()[0], "ok")


class Search(Case):
    """National flags: what is known of them is where they look alike."""

    NEAREST = {"td": "ro", "au": "nz", "id": "mc"}

    def fill(self, *arguments):
        self.run_program("collection", "create", "flags", *arguments)
        (added,) = self.json_lines("collection", "add", "flags", FLAGS)
        self.assertEqual(added["added"], 256)

    def nearest(self, *query):
        """The first hit that is not the same picture."""
        (found,) = self.json_lines("search", "flags", "-k", "5", *query)
        return [h for h in found["hits"] if not h["identical"]][0]

    def test_flags_that_look_alike_by_lite0(self):
        self.fill()
        for flag, like in self.NEAREST.items():
            self.assertEqual(self.nearest("--id", flag)["id"], like)
            self.assertEqual(
                self.nearest("--image", FLAGS / f"{flag}.png")["id"], like)

    def test_flags_that_look_alike_by_resnet50(self):
        self.fill("--embedder", "resnet50")
        for flag, like in self.NEAREST.items():
            self.assertEqual(self.nearest("--id", flag)["id"], like)

    def test_the_same_flag_says_so(self):
        self.fill()
        (found,) = self.json_lines("search", "flags", "--id", "au")
        first = found["hits"][0]
        self.assertEqual((first["id"], first["identical"]), ("hm", True))
        self.assertGreater(first["similarity"], 0.999999)

    def test_a_killed_add_keeps_what_it_acknowledged(self):
        self.run_program("collection", "create", "flags")
        with subprocess.Popen(
                [PROGRAM, "--data", self.data, "collection", "add", "flags",
                 FLAGS, "-j", "1"], stderr=subprocess.DEVNULL) as process:
            def count():
                (stats,) = self.json_lines("collection", "stats", "flags")
                return stats["items"]
            while count() == 0 and process.poll() is None:
                pass
            process.kill()
        kept = count()
        self.assertGreater(kept, 0)
        (added,) = self.json_lines("collection", "add", "flags", FLAGS)
        self.assertEqual(added["added"], 256 - kept)
        self.assertEqual(added["unchanged"], kept)


class BadInput(Case):
    """One clear line, the right exit code, and the others go on."""

    def check_refused(self, path, *expected):
        good = ALBUM / "jesper_2.jpg"
        done = self.run_program("recognize", path, good, code=1)
        self.assertIn("jesper_2.jpg", done.stdout)
        errors = [line for line in done.stderr.splitlines()
                  if line.startswith("ocelli: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertIn(str(path), errors[0])
        for words in expected:
            self.assertIn(words, errors[0])

    def test_truncated_jpeg(self):
        data = (ALBUM / "jesper.jpg").read_bytes()
        self.check_refused(self.write("cut.jpg", data[:len(data) // 2]),
                           "truncated")

    def test_empty_file(self):
        self.check_refused(self.write("empty.jpg", b""), "empty")

    def test_text_called_jpg(self):
        self.check_refused(self.write("text.jpg", b"not a picture at all"),
                           "JPEG, PNG, WebP, HEIC")

    def test_one_pixel_is_a_picture_without_a_face(self):
        path = self.write("one.png", png(1, 1, rows=b"\0\1\2\3"))
        line, = self.json_lines("recognize", path)
        self.assertEqual(line["faces"], [])

    def test_huge_png_is_refused_before_decoding(self):
        path = self.write("huge.png", png(30000, 30000))
        self.check_refused(path, "30000x30000")

    def test_sixteen_bit_png(self):
        rows = b"".join(b"\0" + b"\x12\x34" * 3 * 40 for _ in range(30))
        line, = self.json_lines("recognize", self.write(
            "deep.png", png(40, 30, depth=16, rows=rows)))
        self.assertEqual((line["width"], line["height"]), (40, 30))

    def test_missing_path(self):
        self.check_refused(self.folder / "none.jpg", "No such file")

    def test_fifo_does_not_block(self):
        path = self.folder / "pipe.jpg"
        os.mkfifo(path)
        self.check_refused(path)

    def test_folder_with_nothing_in_it(self):
        path = self.folder / "nothing"
        path.mkdir()
        self.check_refused(path, "no images")

    def test_wrong_flags_are_usage(self):
        self.run_program("recognize", code=2)
        self.run_program("recognise", "x.jpg", code=2)
        self.run_program("recognize", "x.jpg", "--mesh-passes", "7", code=2)

    def test_an_unknown_detector_lists_what_there_is(self):
        done = self.run_program("recognize", ALBUM / "jesper.jpg",
                                "--detector", "eyeball", code=1)
        self.assertIn("blazeface-full", done.stderr)


class BadModels(Case):
    def setUp(self):
        super().setUp()
        (self.data / "models").unlink()

    def test_a_model_that_is_not_installed_names_the_command(self):
        done = self.run_program("recognize", ALBUM / "jesper.jpg", code=1)
        self.assertIn("ocelli models pull", done.stderr)

    def install(self, damage):
        """Copies of the default models, SFace spoiled by `damage`."""
        for name in ("blazeface-full", "facemesh-attention", "sface"):
            shutil.copytree(MODELS / name, self.data / "models" / name)
        model = self.data / "models/sface/model.onnx"
        for kept in model.parent.glob(".model.onnx.optimized-*"):
            kept.unlink()
        damage(model)

    def test_a_half_downloaded_model_names_the_command(self):
        self.install(lambda model: os.truncate(model, 1000))
        done = self.run_program("recognize", ALBUM / "jesper.jpg", code=1)
        self.assertIn("models pull", done.stderr)
        self.run_program("models", "verify", "sface", code=1)

    def test_a_corrupt_model_is_found_by_verify(self):
        def damage(model):
            with open(model, "r+b") as file:
                file.seek(20_000_000)
                file.write(b"damage")
        self.install(damage)
        done = self.run_program("models", "verify", "sface", code=1)
        self.assertIn("sface", done.stderr)


class BadState(Case):
    def test_a_corrupt_cache_is_set_aside(self):
        self.run_program("recognize", ALBUM / "jesper.jpg")
        self.results.write_bytes(b"not a database" * 1000)
        for end in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(str(self.results) + end).unlink()
        done = self.run_program("recognize", ALBUM / "jesper.jpg")
        self.assertIn("jesper.jpg", done.stdout)
        self.assertTrue(list(self.results.parent.glob("*.damaged-*")))

    def test_a_locked_cache_is_done_without(self):
        self.run_program("recognize", ALBUM / "jesper.jpg")
        lock = sqlite3.connect(self.results, isolation_level=None)
        lock.execute("PRAGMA locking_mode=EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
        done = self.run_program("recognize", ALBUM / "jesper_2.jpg")
        self.assertIn("jesper_2.jpg", done.stdout)
        lock.close()

    def test_a_corrupt_gallery_is_refused_and_left_alone(self):
        self.teach_jesper()
        for end in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(str(self.people) + end).unlink()
        self.people.write_bytes(b"not a database" * 1000)
        done = self.run_program("people", "list", code=1)
        self.assertIn("people.sqlite", done.stderr)
        self.run_program("people", "add", "Jim", ALBUM / "jesper.jpg", code=1)
        self.assertEqual(self.people.read_bytes(), b"not a database" * 1000)

    def test_a_locked_gallery_says_so(self):
        self.teach_jesper()
        lock = sqlite3.connect(self.people, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        done = self.run_program("people", "add", "Jim", ALBUM / "jesper.jpg",
                                code=1)
        self.assertIn("in use", done.stderr)
        lock.execute("ROLLBACK")
        lock.close()
        people, = self.json_lines("people", "list")
        self.assertEqual(people["person"], "Jesper")

    def test_a_full_disk_loses_nobody_already_known(self):
        self.teach_jesper()
        before = self.json_lines("people", "show", "Jesper")
        self.run_program("people", "add", "Jim", ALBUM / "jesper.jpg",
                         "--no-cache", code=1, limit=4096)
        self.assertEqual(self.json_lines("people", "show", "Jesper"), before)
        self.assertEqual(len(self.json_lines("people", "list")), 1)

    def test_a_full_disk_does_not_stop_recognition(self):
        done = self.run_program("recognize", ALBUM / "jesper.jpg", limit=4096)
        self.assertIn("jesper.jpg", done.stdout)

    def test_results_that_cannot_be_written_are_an_error(self):
        with open("/dev/full", "w") as full:
            self.run_program("recognize", ALBUM / "jesper.jpg", code=1,
                             stdout=full)

    def test_annotating_onto_a_full_disk_leaves_no_half_picture(self):
        out = self.folder / "out"
        self.run_program("recognize", ALBUM / "jesper.jpg", "--annotate", out,
                         code=1, limit=4096)
        self.assertEqual(list(out.rglob("*.*")), [])


class People(Case):
    def test_enrolment_says_what_it_saw(self):
        done = self.run_program("people", "add", "Nobody",
                                ALBUM / "sunset.jpg", code=1)
        self.assertIn("no face", done.stderr)
        done = self.run_program("people", "add", "Somebody",
                                ALBUM / "qt-logo.jpg", code=1)
        self.assertIn("3 faces", done.stderr)
        self.assertIn("--largest", done.stderr)
        self.assertEqual(self.json_lines("people", "list"), [])
        self.run_program("people", "add", "Somebody", ALBUM / "qt-logo.jpg",
                         "--largest")

    def test_a_removed_person_leaves_no_vector_behind(self):
        self.teach_jesper()
        line, = self.json_lines("recognize", ALBUM / "jesper.jpg",
                                "--descriptors", "--no-cache")
        vector = line["faces"][0]["descriptor"]
        needle = struct.pack("<4f", *vector[:4])
        stored = b"".join(p.read_bytes() for p in self.data.glob("people*"))
        self.assertIn(needle, stored)
        self.run_program("people", "remove", "Jesper")
        stored = b"".join(p.read_bytes() for p in self.data.glob("people*"))
        self.assertNotIn(needle, stored)

    def test_reject_is_honoured(self):
        self.teach_jesper()
        photo = ALBUM / "bar55.jpg"
        names, = self.names(photo)
        self.assertIn("Jesper", names)
        index = names.index("Jesper") + 1
        self.run_program("people", "reject", "Jesper", f"{photo}#{index}")
        self.assertNotEqual(self.names(photo)[0][index - 1], "Jesper")

    def test_export_and_import_give_the_same_people(self):
        self.teach_jesper()
        exported = self.folder / "people.jsonl"
        self.run_program("people", "export", exported)
        self.run_program("people", "remove", "Jesper")
        self.run_program("people", "import-file", exported)
        self.assertIn("Jesper", self.names(ALBUM / "bar55.jpg")[0])

    def test_a_folder_for_each_person(self):
        for name, photo in (("Jesper", "jesper.jpg"),
                            ("Anne Helene", "anne_helene.jpg")):
            self.write(f"people/{name}/{photo}",
                       (ALBUM / photo).read_bytes())
        self.run_program("people", "import", self.folder / "people")
        self.assertEqual(
            sorted(p["person"] for p in self.json_lines("people", "list")),
            ["Anne Helene", "Jesper"])

    def test_rename_and_merge(self):
        self.run_program("people", "add", "J", ALBUM / "jesper.jpg")
        self.run_program("people", "add", "Jesper", ALBUM / "jesper_2.jpg")
        self.run_program("people", "rename", "J", "Yesper")
        self.run_program("people", "merge", "Yesper", "Jesper")
        person, = self.json_lines("people", "list")
        self.assertEqual((person["person"], person["faces"]), ("Jesper", 2))


class Verify(Case):
    def test_tells_one_person_from_two(self):
        same, = self.json_lines("verify", ALBUM / "jesper.jpg",
                                ALBUM / "jesper_2.jpg")
        other, = self.json_lines("verify", ALBUM / "jesper.jpg",
                                 ALBUM / "anne_helene.jpg")
        self.assertTrue(same["same"], same)
        self.assertFalse(other["same"], other)
        self.assertGreater(same["similarity"], other["similarity"])

    def test_a_photo_without_a_face_is_an_error(self):
        done = self.run_program("verify", ALBUM / "jesper.jpg",
                                ALBUM / "sunset.jpg", code=1)
        self.assertIn("sunset.jpg", done.stderr)


class Cache(Case):
    def test_stats_and_purge(self):
        self.run_program("recognize", ALBUM / "jesper.jpg")
        stats, = self.json_lines("cache", "stats")
        self.assertEqual(stats["entries"], 1)
        self.run_program("cache", "purge")
        stats, = self.json_lines("cache", "stats")
        self.assertEqual(stats["entries"], 0)


class Access(Case):
    def test_a_key_is_made_listed_and_revoked(self):
        key = self.run_program("key", "create", "ci").stdout.strip()
        self.assertRegex(key, r"^ocelli_[a-z2-7]{64}$")
        listed, = self.json_lines("key", "list")
        self.assertEqual((listed["name"], listed["revoked"]), ("ci", None))
        self.assertNotIn(key, json.dumps(listed))
        self.run_program("key", "revoke", "ci")
        self.assertIsNotNone(self.json_lines("key", "list")[0]["revoked"])

    def test_a_password_typed_is_not_shown(self):
        person, terminal = pty.openpty()
        command = [PROGRAM, "--data", str(self.data), "user", "add", "Ada"]
        with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as running:
            while termios.tcgetattr(terminal)[3] & termios.ECHO:
                self.assertIsNone(running.poll())
                time.sleep(0.01)
            os.write(person, b"correct horse\n" * 2)
            out, said = running.communicate(timeout=60)
        self.assertEqual(out, 'user "Ada" is added, for read\n', said)
        self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.close(terminal)
        os.set_blocking(person, False)
        try:
            seen = os.read(person, 1000)
        except OSError:  # Nothing at all.
            seen = b""
        os.close(person)
        self.assertNotIn(b"horse", seen)


class Collect(Case):
    FLAG = ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 3 2'>"
            "<path d='M0 0h3v2h-3z' fill='#00f'/></svg>").encode()

    def serve(self, page, slow=()):
        """The address of a site; the paths in `slow` are never answered."""
        flag = self.FLAG
        release = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = page.encode() if self.path == "/page" else flag
                if self.path in slow:
                    release.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(release.set)
        return f"http://127.0.0.1:{server.server_port}/page"

    def test_a_table_becomes_a_folder(self):
        page = self.serve("<table><tr><td><img src=/a.svg><td>Chad<tr><td>"
                          "<img src=/b.svg><td>C&ocirc;te d'Ivoire</table>")
        out = self.folder / "flags"
        lines = self.json_lines("collect", page, "-o", out, "--allow-private")
        self.assertEqual([line["id"] for line in lines],
                         ["Chad", "Côte d'Ivoire"])
        self.assertEqual((out / "images/Chad.svg").read_bytes(), self.FLAG)
        refused = self.run_program("collect", page, "-o", out, code=1)
        self.assertIn("not a public address", refused.stderr)

    def test_ctrl_c_keeps_what_is_there(self):
        rows = "".join(f"<tr><td><img src=/{i}.svg><td>Flag {i}"
                       for i in range(5))
        page = self.serve(f"<table>{rows}</table>", slow=("/2.svg",))
        out = self.folder / "flags"
        command = ["collect", page, "-o", str(out), "--allow-private",
                   "--parallel", "1"]
        with subprocess.Popen([PROGRAM, *command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as running:
            while not (out / "images/Flag 1.svg").exists():
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, said)
        self.assertIn("the same command goes on", said)
        table = (out / "flags.csv").read_text()
        self.assertEqual(table.count("\n"), 3, table)


class Demo(Case):
    def test_names_everyone_right_and_nobody_wrong(self):
        (self.data / "demo").symlink_to(DATA / "demo")
        out = self.folder / "out"
        lines = self.json_lines("demo", "--out", out)
        summary = lines[-1]
        self.assertEqual(summary["wrong"], 0, lines)
        self.assertGreaterEqual(summary["right"], 9, lines)
        self.assertEqual(summary["second_cached"], summary["pictures"])
        page = (out / "index.html").read_text()
        self.assertIn("pictures/qt-logo.jpg", page)
        self.assertTrue((out / "pictures/qt-logo.jpg").exists())
        self.assertNotIn("http", page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
