#!/usr/bin/python3
"""What the article does for a picture that it has seen: open, MD5, GET, unpickle.

    measure.py PORT FOLDER fill|files

Prints one JSON line, by the median of single files. Needs Debian's python3-redis.
"""

import hashlib
import json
import pathlib
import pickle
import random
import statistics
import sys
import time

import redis


def name_of(file):
    with open(file, "rb") as opened:
        return hashlib.md5(opened.read()).hexdigest()


def result():
    """Six faces: a box, a name and 32 numbers each."""
    return {
        "faces": [
            {
                "box": [random.randrange(1000) for _ in range(4)],
                "name": f"person {i}",
                "embedding": [random.random() for _ in range(32)],
            }
            for i in range(6)
        ]
    }


def main():
    port, folder, what = sys.argv[1:]
    files = sorted(str(file) for file in pathlib.Path(folder).iterdir())
    server = redis.StrictRedis(host="127.0.0.1", port=int(port))
    if what == "fill":
        for file in files:
            value = pickle.dumps(result())
            server.set(name_of(file), value)
        print(json.dumps({"value_bytes": len(value)}))
        return
    seconds = []
    for _ in range(3):
        for file in files:
            start = time.perf_counter()
            value = pickle.loads(server.get(name_of(file)))
            seconds.append(time.perf_counter() - start)
            if len(value["faces"]) != 6:
                sys.exit("not the result")
    print(json.dumps({"per_s": 1 / statistics.median(seconds)}))


main()
