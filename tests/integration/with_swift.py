#!/usr/bin/env python3
"""Runs a program with an empty Swift to test against.

Run: with_swift.py PROGRAM [ARGUMENTS]. The store's URL is in OCELLI_TEST_S3,
the rest in the usual AWS_ variables.
"""
import os
import subprocess
import sys
import tempfile

from object_stores import SwiftServer

with tempfile.TemporaryDirectory(prefix="ocelli-swift-") as folder:
    with SwiftServer(folder) as server:
        done = subprocess.run(
            sys.argv[1:], env={**os.environ, **server.environment(),
                               "OCELLI_TEST_S3": server.url("test é")})
sys.exit(done.returncode)
