#!/usr/bin/env python3
"""Flags that look alike, found by two machines in one Redis 8.

    shared_search_test.py PROGRAM [CASE...]
"""
import os
import pathlib
import unittest

from case import FLAGS, Case
from redis_servers import RedisServer

SERVER_8 = (pathlib.Path(os.environ.get("OCELLI_DEPS", "/nowhere")) /
            "redis8/redis-server")


class Redis8(RedisServer):
    def launch(self, command, ready, **options):
        super().launch([SERVER_8, *command[1:]], ready,
                       **{**options, "executable": SERVER_8})


@unittest.skipUnless(SERVER_8.exists(), f"no {SERVER_8}: ./dev test")
class SharedSearch(Case):
    NEAREST = {"td": "ro", "au": "nz", "id": "mc"}

    def setUp(self):
        super().setUp()
        self.assertTrue(FLAGS.exists(), f"no {FLAGS}: run ./dev test")
        self.redis = Redis8(self.folder)
        self.addCleanup(self.redis.stop)
        self.other = self.folder / "other"
        self.other.mkdir()
        (self.other / "models").symlink_to(self.data / "models")

    def nearest(self, *query):
        """The first hit that is not the same picture."""
        (found,) = self.json_lines("search", "flags", "-k", "5", *query)
        return [h for h in found["hits"] if not h["identical"]][0]

    def test_flags_that_look_alike(self):
        self.run_program("collection", "create", "flags", "--index",
                         self.redis.url)
        (added,) = self.json_lines("collection", "add", "flags", FLAGS)
        self.assertEqual(added["added"], 256)
        self.run_program("collection", "create", "here")
        self.json_lines("collection", "add", "here", FLAGS)
        (shared,) = self.json_lines("search", "flags", "--id", "td")
        (alone,) = self.json_lines("search", "here", "--id", "td")
        self.assertEqual(shared["hits"], alone["hits"])

        self.data = self.other
        self.run_program("collection", "attach", "flags", "--index",
                         self.redis.url)
        for flag, like in self.NEAREST.items():
            self.assertEqual(self.nearest("--id", flag)["id"], like)
        self.assertEqual(
            self.nearest("--image", FLAGS / "td.png")["id"], "ro")
        (stats,) = self.json_lines("collection", "stats", "flags")
        self.assertEqual((stats["items"], stats["index"]),
                         (256, self.redis.url))


if __name__ == "__main__":
    unittest.main(verbosity=2)
