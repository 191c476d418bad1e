#!/usr/bin/env python3
"""`ocelli submit`, `worker` and `jobs` from outside: results, deaths, outages,
bad input.

Run: jobs_test.py PROGRAM [unittest arguments]. The servers are real and on
loopback (redis_servers.py, object_stores.py, servers.py).
"""
import os
import pathlib
import shutil
import signal
import tempfile
import unittest

from case import ALBUM, PHOTOS
from jobs_case import JobsCase, picture
from object_stores import FaultyS3
from redis_servers import (FakeRedis, RedisCluster, RedisError, RedisServer,
                           RedisSentinels)
from servers import HttpServer, free_port, wait_for


def serve(kind, *options, **named):
    """Decorates a class: a server for all of its tests."""
    def decorate(case):
        def set_up():
            folder = tempfile.mkdtemp(prefix="ocelli-redis-")
            case.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
            case.redis = kind(folder, *options, **named)
            case.addClassCleanup(case.redis.stop)
        case.setUpClass = staticmethod(set_up)
        return case
    return decorate


@serve(RedisServer)
class Results(JobsCase):
    def test_as_recognize_prints_them(self):
        self.teach_jesper()
        album = self.folder / "album"
        album.mkdir()
        for number, photo in enumerate(("jesper.jpg", "anne_helene.jpg")):
            shutil.copy(ALBUM / photo, album / f"{number}.jpg")
        (album / "2.png").write_bytes(picture(2))
        (album / "3.jpg").write_bytes(b"no image at all")
        (album / "4.jpg").write_bytes((album / "0.jpg").read_bytes()[:9000])
        for number in range(5, 30):
            # The same few pictures again and again.
            (album / f"{number}.png").write_bytes(picture(number % 3))
        gone = self.folder / "gone.jpg"
        # With several threads, whoever waits for another says that it was
        # computed for it too.
        for _ in range(2):
            self.worker(*self.at, "--jobs", 1)
        arguments = (album, gone, PHOTOS / "sample1.jpg", "--json")
        submitted = self.run_program("submit", *arguments, *self.at, code=1)
        computed = [line["name"] for worker in self.workers
                    for line in worker.computed()]
        here = self.run_program("recognize", *arguments, code=1)
        self.assertEqual(submitted.stdout, here.stdout)
        self.assertIn('"name":"Jesper"', submitted.stdout)
        for message in here.stderr.splitlines():
            if message.startswith("ocelli: "):
                self.assertIn(message, submitted.stderr)
        # Two photos, the sample, three small pictures, none twice.
        self.assertEqual(len(computed), 6, computed)

        again = self.run_program("submit", *arguments, *self.at, code=1)
        self.assertEqual(again.stdout, here.stdout)
        self.assertEqual(self.computed(), 6)
        for worker in self.workers:
            self.assertIn("images done", worker.end())

    def test_addresses_are_fetched_by_the_workers(self):
        store = FaultyS3(self.folder)
        self.addCleanup(store.stop)
        keys = [f"cam1/{number:03}.png" for number in range(5)]
        for number, key in enumerate(keys):
            store.put(key, picture(100 + number))
        store.put("cam1/notes.txt", b"not a picture")
        store.put("cam10/other.png", picture(1))
        files = self.folder / "web"
        files.mkdir()
        (files / "a.png").write_bytes(picture(200))
        (files / "b.png").write_bytes(b"nothing")
        environment = store.environment()
        web = HttpServer(files)
        self.addCleanup(web.__exit__)
        self.worker(*self.at, "--allow-private", environment=environment)
        os.environ.update(environment)
        for name in environment:
            self.addCleanup(os.environ.pop, name)
        done = self.json_lines("submit", store.url(), web.url("a.png"),
                               store.url("cam1/004.png"), *self.at)
        self.assertEqual(
            [line["path"] for line in done],
            [f"s3://frames/{key}" for key in keys] + [web.url("a.png")] +
            ["s3://frames/cam1/004.png"])
        bad = (web.url("gone.png?key=secret"), web.url("b.png"),
               store.url("cam1/gone.png"), store.url("nothing/"),
               "s3://no-such-bucket/a.png")
        failed = self.run_program("submit", *bad, *self.at, code=1)
        for says in ("gone.png: GET ", "404", "b.png: not an image",
                     "cam1/gone.png", "no images in s3://frames/nothing/",
                     "no-such-bucket"):
            self.assertIn(says, failed.stderr)
        self.assertNotIn("secret", failed.stderr)
        self.assertEqual(failed.stdout, "")

    def test_private_addresses_are_refused(self):
        files = self.folder / "web"
        files.mkdir()
        (files / "a.png").write_bytes(picture(200))
        with HttpServer(files) as web:
            self.worker()
            failed = self.run_program("submit", web.url("a.png"),
                                      "http://169.254.169.254/latest/a.png",
                                      *self.at, code=1)
        for address in ("127.0.0.1", "169.254.169.254"):
            self.assertIn(f"{address}, which is not a public address",
                          failed.stderr)

    def test_a_batch_may_be_left_and_looked_after(self):
        folder = self.pictures(10)
        (folder / "00003.png").write_bytes(b"broken")
        batch = self.run_program("submit", folder, "--no-wait",
                                 *self.at).stdout.strip()
        [status] = self.json_lines("jobs", "status", batch, *self.at)
        self.assertEqual((status["submitted"], status["done"],
                          status["state"]), (10, 0, "running"))
        [queue] = self.json_lines("jobs", "status", *self.at)
        self.assertEqual((queue["waiting"], queue["workers"]), (10, []))
        metrics = self.folder / "worker.prom"
        self.worker(*self.at, "--metrics", metrics)
        waited = self.run_program("jobs", "wait", batch, *self.at, "--json",
                                  code=1)
        self.assertEqual(len(waited.stdout.splitlines()), 9)
        self.assertIn("00003.png: not an image", waited.stderr)
        rest = self.run_program("jobs", "wait", batch, "--from", 8, *self.at)
        self.assertEqual(
            [line.split(": ")[0] for line in rest.stdout.splitlines()],
            [str(folder / "00008.png"), str(folder / "00009.png")])
        [listed] = self.json_lines("jobs", "list", *self.at)
        self.assertEqual((listed["batch"], listed["done"], listed["failed"],
                          listed["state"]), (batch, 10, 1, "done"))
        [dead] = self.json_lines("jobs", "dead", *self.at)
        self.assertEqual((dead["batch"], dead["index"], dead["attempts"]),
                         (batch, 3, 1))
        self.assertIn("not an image", dead["reason"])
        [again] = self.json_lines("jobs", "retry", batch, *self.at)
        self.assertEqual(again["again"], 1)
        self.run_program("jobs", "wait", batch, *self.at, code=1)
        wait_for(lambda: 'ocelli_jobs_queued{group="default",state="waiting"} 0'
                 in metrics.read_text(), "an empty queue in the metrics")
        self.assertIn('ocelli_worker_jobs_total{outcome="computed"} 9',
                      metrics.read_text())
        self.assertEqual(self.json_lines("jobs", "purge", batch, *self.at),
                         [{"purged": 1}])
        self.run_program("jobs", "wait", batch, *self.at, code=1)
        self.assertEqual(self.json_lines("jobs", "list", *self.at), [])

    def test_groups_have_workers_and_nodes_of_their_own(self):
        folder = self.pictures(3)
        with RedisServer(self.folder, name="mall") as mall:
            settings = self.write("ocelli.toml", f"""\
[redis]
url = "{self.redis.url}"
[redis.groups]
mall-north = "{mall.url}"
""".encode())
            with_settings = ("--config", settings)
            north = self.worker(*with_settings, "--group", "mall-north")
            south = self.worker(*with_settings, "--group", "mall-south")
            for group in ("mall-north", "mall-south"):
                done = self.json_lines(*with_settings, "submit", folder,
                                       "--group", group)
                self.assertEqual(len(done), 3)
                [listed] = self.json_lines(*with_settings, "jobs", "list",
                                           "--group", group)
                self.assertEqual(listed["group"], group)
            self.assertEqual((len(north.lines()), len(south.lines())), (3, 3))
            self.assertGreater(mall.run("DBSIZE"), 0)

    def test_ctrl_c_ends_the_waiting_only(self):
        folder = self.pictures(30)
        process = self.start("submit", folder, "--json", *self.at)
        wait_for(lambda: self.json_lines("jobs", "list", *self.at)[0:1] and
                 self.json_lines("jobs", "list", *self.at)[0]["submitted"] == 30,
                 "the batch")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, said)
        [listed] = self.json_lines("jobs", "list", *self.at)
        self.assertIn(f"ocelli jobs wait {listed['batch']} shows the rest",
                      said)
        self.worker()
        self.assertEqual(
            len(self.json_lines("jobs", "wait", listed["batch"], *self.at)),
            30)


@serve(RedisServer, "--appendonly", "yes")
class Faults(JobsCase):
    def test_a_worker_is_killed(self):
        folder = self.pictures(120)
        options = (*self.at, "--no-cache", "--batch", 8, "--takeover", 3)
        victim = self.worker(*options)
        process = self.start("submit", folder, "--json", *self.at)
        wait_for(lambda: len(victim.lines()) >= 20, "some work", 60)
        victim.signal(signal.SIGKILL)
        rescuer = self.worker(*options)
        printed, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, said)
        names = [line.split('"path":"')[1].split('"')[0]
                 for line in printed.splitlines()]
        self.assertEqual(names, [str(path) for path in sorted(
            folder.glob("*.png"))])
        # What it held, and what it had done but not told.
        self.assertLessEqual(
            len(victim.lines()) + len(rescuer.lines()), 120 + 8)

    def test_sigterm_drains(self):
        folder = self.pictures(80)
        first = self.worker(*self.at, "--jobs", 1)
        process = self.start("submit", folder, "--json", *self.at)
        wait_for(lambda: len(first.lines()) >= 5, "some work", 60)
        said = first.end(30)
        self.assertNotIn("error", said)
        [queue] = self.json_lines("jobs", "status", *self.at)
        self.assertEqual((queue["taken"], queue["workers"]), (0, []))
        self.assertEqual(queue["waiting"], 80 - len(first.lines()))
        second = self.worker()
        printed, said = process.communicate(timeout=60)
        self.assertEqual((process.returncode, len(printed.splitlines())),
                         (0, 80), said)
        self.assertEqual(len(first.lines()) + len(second.lines()), 80)
        self.assertTrue(all(line["attempt"] == 1 for line in second.lines()))

    def test_redis_is_away_for_a_while(self):
        folder = self.pictures(60)
        worker = self.worker(*self.at, "--jobs", 1)
        process = self.start("submit", folder, "--json", *self.at)
        wait_for(lambda: len(worker.lines()) >= 5, "some work", 60)
        self.redis.stop()
        wait_for(lambda: "trying again" in worker.log_text(), "an outage")
        self.redis.start()
        printed, said = process.communicate(timeout=60)
        self.assertEqual((process.returncode, len(printed.splitlines())),
                         (0, 60), said)
        self.assertEqual(worker.log_text().count("trying again"), 1,
                         worker.log_text())
        self.assertIn("the queue is back", worker.log_text())

    def test_a_worker_without_redis_ends_when_told(self):
        worker = self.worker()
        try:
            for outage in (self.redis.stop, self.redis.pause):
                outage()
                worker.end()
                if self.redis.process:
                    break
                self.redis.start()
                worker = self.worker()
        finally:
            if self.redis.process:
                self.redis.resume()
            else:
                self.redis.start()

    def test_a_clock_that_is_ten_minutes_wrong(self):
        # What the command faketime does, which would not pass on signals.
        found = sorted(pathlib.Path("/usr/lib").glob(
            "*/faketime/libfaketimeMT.so.1"))
        self.assertTrue(found, "no faketime: run ./dev test")
        folder = self.pictures(40)

        def worker(shift):
            # AddressSanitizer wants to be the first library.
            return self.worker(environment={
                "LD_PRELOAD": str(found[0]), "FAKETIME": shift,
                "ASAN_OPTIONS": "verify_asan_link_order=0"})
        early, late = worker("-10m"), worker("+10m")
        done = self.json_lines("submit", folder, *self.at)
        self.assertEqual(self.paths(done),
                         [f"{number:05}.png" for number in range(40)])
        self.assertEqual(self.computed(), 40)
        # Nobody's work was taken over, nothing was tried twice.
        self.assertTrue(all(line["attempt"] == 1
                            for line in early.lines() + late.lines()))
        self.assertEqual(len(early.lines()) + len(late.lines()), 40)


@serve(RedisCluster, node_timeout=1000)
class Cluster(JobsCase):
    def setUp(self):
        self.redis.run = lambda *_: None  # Nothing to flush at one place.
        super().setUp()

    def test_a_master_is_killed(self):
        folder = self.pictures(400)
        self.worker(), self.worker()
        process = self.start("submit", folder, "--json", *self.at)
        wait_for(lambda: self.computed() >= 20, "some work", 60)
        victim = self.redis.masters()[0]
        victim.stop()
        printed, said = process.communicate(timeout=90)
        victim.start()
        self.assertEqual(process.returncode, 0, said)
        names = [line.split('"path":"')[1].split('"')[0]
                 for line in printed.splitlines()]
        self.assertEqual(names, [str(path) for path in sorted(
            folder.glob("*.png"))])
        self.assertEqual([line for line in said.splitlines()
                          if line.startswith("ocelli: ")], [])


@serve(RedisServer)
class BadInput(JobsCase):
    def test_a_redis_that_cannot_be_used(self):
        photo = self.write("a.png", picture(1))
        closed = free_port()
        commands = (("submit", photo), ("worker",), ("jobs", "list"))

        def refused(address, *says, code=1):
            for command in commands:
                with self.subTest(command=command, address=address):
                    self.refuse(*command, "--redis", address, says=says,
                                code=code)
        refused(f"redis://127.0.0.1:{closed}", f"127.0.0.1:{closed}")
        refused("redis://", "redis://", code=2)
        refused("http://127.0.0.1", "redis://", code=2)
        for command in commands:
            done = self.run_program(*command, code=2)
            self.assertIn("OCELLI_REDIS_URL", done.stderr)
        with RedisServer(self.folder, name="locked",
                         password="open sesame") as locked:
            refused(f"redis://:wrong-one@{locked.address}", "password")
            refused(f"redis://{locked.address}", "PASSWORD@HOST")
            done = self.run_program("submit", photo, "--redis",
                                    f"redis://:wrong-one@{locked.address}",
                                    code=1)
            self.assertNotIn("wrong-one", done.stderr)
            os.environ["OCELLI_REDIS_PASSWORD"] = "open sesame"
            self.addCleanup(os.environ.pop, "OCELLI_REDIS_PASSWORD")
            self.run_program("jobs", "list", "--redis",
                             f"redis://{locked.address}")
            os.environ["OCELLI_REDIS_PASSWORD"] = ""
        with RedisServer(self.folder, "--replicaof",
                         f"127.0.0.1 {self.redis.port}",
                         name="replica") as replica:
            wait_for(lambda: replica.info("replication")[
                "master_link_status"] == "up", "a replica")
            refused(replica.url, "replica")

        def old(arguments):
            if arguments[0].upper() == b"HELLO":
                hello = ("server", "redis", "version", "6.0.16", "proto", "2",
                         "id", "7", "mode", "standalone", "role", "master",
                         "modules", "")
                return b"*%d\r\n" % len(hello) + b"".join(
                    b"$%d\r\n%s\r\n" % (len(word), word.encode())
                    for word in hello)
            return b"+PONG\r\n"
        with FakeRedis(old) as ancient:
            refused(ancient.url, "6.0.16", "7.0")

    def test_a_full_redis(self):
        folder = self.pictures(40)
        with RedisServer(self.folder, "--maxmemory-policy", "noeviction",
                         name="full") as full:
            full.run("CONFIG", "SET", "maxmemory",
                     int(full.info("memory")["used_memory"]) + (100 << 10))
            done = self.run_program("submit", folder, "--redis", full.url,
                                    code=1)
            self.assertIn("maxmemory", done.stderr)

    def test_images(self):
        large = self.write("large.png", picture(1) + b"x" * 3000)
        huge = self.write("huge.png", b"x" * 20000)
        text = self.write("text.png", b"no picture")
        done = self.run_program("submit", large, huge, text, self.folder / "-",
                                "--max-value", 15000, *self.at, "--no-wait",
                                "--json", code=1)
        self.assertIn("huge.png: with 0.0 MiB too large", done.stderr)
        self.assertIn("--max-value", done.stderr)
        self.assertIn('"images":2', done.stdout)
        batch = done.stdout.split('"batch":"')[1].split('"')[0]
        # The image of the first one is gone before anybody took it.
        gone = 0
        for key in self.redis.run("KEYS", "ocelli:*"):
            for kind, read in ((b"string", "GET"),):
                if self.redis.run("TYPE", key) == kind and (
                        b"IHDR" in (self.redis.run(read, key) or b"")):
                    gone += self.redis.run("DEL", key)
        self.worker()
        waited = self.run_program("jobs", "wait", batch, *self.at, code=1)
        self.assertIn("text.png: not an image", waited.stderr)
        if gone:
            self.assertIn("large.png: ", waited.stderr)
            self.assertIn("gone", waited.stderr)

    def test_entries_of_others_under_our_keys(self):
        folder = self.pictures(4)
        batch = self.run_program("submit", folder, "--no-wait",
                                 *self.at).stdout.strip()
        hostile = 0
        for key in self.redis.run("KEYS", "ocelli:*"):
            if self.redis.run("TYPE", key) == b"stream":
                for fields in ((b"job", b"\xff" * 100), (b"x", b""),
                               (b"job", b"\x0a\xff\xff\xff\xff\x0f")):
                    self.redis.run("XADD", key, "*", *fields)
                    hostile += 1
        self.assertGreater(hostile, 0)
        worker = self.worker()
        done = self.json_lines("jobs", "wait", batch, *self.at)
        self.assertEqual(len(done), 4)
        more = self.json_lines("submit", self.pictures(3, "more", 50),
                               *self.at)
        self.assertEqual(len(more), 3)
        self.assertIsNone(worker.process.poll(), worker.log_text())

    def test_keys_that_are_something_else(self):
        folder = self.pictures(2)
        self.run_program("submit", folder, "--no-wait", *self.at)
        for key in self.redis.run("KEYS", "ocelli:*"):
            self.redis.run("DEL", key)
            self.redis.run("SET", key, "another program's")
        self.run_program("jobs", "status", *self.at, code=1)

    def test_batches_that_are_not_there(self):
        for command in (("wait", "nope"), ("status", "nope"),
                        ("retry", "nope"), ("purge", "nope"),
                        ("wait", "\x1b[31m"), ("wait", "a" * 5000)):
            with self.subTest(command):
                done = self.run_program("jobs", *command, *self.at, code=1)
                self.assertIn("no batch", done.stderr)
        done = self.run_program("jobs", "list", "--group", "a{b}", *self.at,
                                code=2)
        self.assertIn("a{b}", done.stderr)
        self.run_program("submit", self.folder / "nothing", *self.at, code=1)
        self.assertEqual(self.json_lines("jobs", "list", *self.at), [])


if __name__ == "__main__":
    unittest.main()
