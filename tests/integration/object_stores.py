"""Object stores on loopback: OpenStack Swift with its S3 interface, which is
strict about signatures, and one of our own that fails on command.

Both have what a test needs of a store: a URL for `ocelli`, the environment in
which it finds and may use it, and the objects themselves behind its back.
"""
import http.client
import json
import os
import pathlib
import pwd
import signal
import socket
import sys
import urllib.parse

from servers import SYSTEM_PYTHON, Process, answers, free_port

FAULTY_S3 = pathlib.Path(__file__).with_name("faulty_s3.py")


class S3Environment:
    """How a program reaches the store at `port`."""

    bucket, region = "frames", "us-east-1"

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def url(self, prefix="cam1"):
        return f"s3://{self.bucket}/{prefix}"

    def environment(self, **changed):
        return {"AWS_ACCESS_KEY_ID": self.user,
                "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_REGION": self.region,
                "AWS_ENDPOINT_URL_S3": self.endpoint,
                "AWS_EC2_METADATA_DISABLED": "true", **changed}

    def request(self, method, path, body=None, headers=None):
        """The status and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=20)
        try:
            connection.request(method, path, body, {**self.behind(),
                                                    **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def object(self, method, key, body=None):
        status, content, _ = self.request(
            method, f"{self.root}/{urllib.parse.quote(key)}", body)
        if status >= 300:
            raise AssertionError(f"{method} {key}: {status} {content[:200]}")
        return content

    def get(self, key):
        return self.object("GET", key)

    def put(self, key, body):
        self.object("PUT", key, body)

    def delete(self, key):
        self.object("DELETE", key)


class FaultyS3(Process, S3Environment):
    """faulty_s3.py; its objects are gone after stop()."""

    user, secret = "tester", "what-nobody-may-see/+="

    def __init__(self, folder, name="faulty-s3", discard=False):
        super().__init__(folder, name)
        self.port, self.control_port = free_port(), free_port()
        self.root = f"/{self.bucket}"
        self.launch(
            [sys.executable, FAULTY_S3, self.port, self.control_port,
             self.bucket] + (["discard"] if discard else []),
            lambda: answers(self.port) and answers(self.control_port))

    def behind(self):
        return {"x-test": "1"}

    def order(self, **orders):
        """Sends them, as faulty_s3.py describes; its counters."""
        with socket.create_connection(("127.0.0.1", self.control_port)) as wire:
            wire.sendall(json.dumps(orders).encode() + b"\n")
            return json.loads(wire.makefile().readline())

    def keys(self, prefix=""):
        import xml.etree.ElementTree as tree
        found, token = [], ""
        name = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        while True:
            query = urllib.parse.urlencode(
                {"list-type": 2, "prefix": prefix,
                 **({"continuation-token": token} if token else {})})
            _, body, _ = self.request("GET", f"{self.root}?{query}")
            listed = tree.fromstring(body)
            found += [key.text for key in listed.iter(name + "Key")]
            token = listed.findtext(name + "NextContinuationToken")
            if not token:
                return found


class SwiftServer(S3Environment):
    """The four servers of Debian's python3-swift, without the daemons that its
    other packages would start. stop() is an outage: what is stored stays."""

    KINDS = ("account", "container", "object")
    user, secret = "test:tester", "what-nobody-may-see"

    def __init__(self, folder, name="swift"):
        self.folder = pathlib.Path(folder) / name
        (self.folder / "data/disk").mkdir(parents=True)
        self.ports = {kind: free_port() for kind in (*self.KINDS, "proxy")}
        self.port = self.ports["proxy"]
        self.processes = []
        self.write_configuration()
        try:
            self.start()
            self.root = "/v1/AUTH_test/" + self.bucket
            self.request("PUT", self.root)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def write_configuration(self):
        user = pwd.getpwuid(os.getuid()).pw_name
        common = (f"swift_dir = {self.folder}\nuser = {user}\nworkers = 0\n"
                  "bind_ip = 127.0.0.1\nlog_address = /dev/null\n")
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = a\n"
            "swift_hash_path_suffix = b\n"
            "[storage-policy:0]\nname = gold\ndefault = yes\n")
        for kind in self.KINDS:
            (self.folder / f"{kind}.conf").write_text(
                f"[DEFAULT]\n{common}bind_port = {self.ports[kind]}\n"
                f"devices = {self.folder}/data\nmount_check = false\n"
                f"[pipeline:main]\npipeline = {kind}-server\n"
                f"[app:{kind}-server]\nuse = egg:swift#{kind}\n")
        module = pathlib.Path(__file__).stem
        (self.folder / "proxy.conf").write_text(
            f"[DEFAULT]\n{common}bind_port = {self.port}\n"
            "[pipeline:main]\npipeline = catch_errors cache listing_formats "
            "s3api tempauth slo dlo proxy-server\n"
            "[app:proxy-server]\nuse = egg:swift#proxy\n"
            "allow_account_management = true\naccount_autocreate = true\n"
            "[filter:cache]\n"
            f"paste.filter_factory = {module}:swift_cache\n"
            "[filter:tempauth]\nuse = egg:swift#tempauth\n"
            f"user_test_tester = {self.secret} .admin\n"
            "[filter:s3api]\nuse = egg:swift#s3api\ns3_acl = false\n"
            "dns_compliant_bucket_names = false\n"
            # So that lists come in pages.
            "max_bucket_listing = 100\n"
            f"location = {self.region}\n"
            "[filter:catch_errors]\nuse = egg:swift#catch_errors\n"
            "[filter:listing_formats]\nuse = egg:swift#listing_formats\n"
            "[filter:slo]\nuse = egg:swift#slo\n"
            "[filter:dlo]\nuse = egg:swift#dlo\n")

    def start(self):
        for kind, port in self.ports.items():
            process = Process(self.folder, kind)
            self.processes.append(process)
            process.launch([SYSTEM_PYTHON, __file__, self.folder, kind,
                            *map(str, self.ports.values())],
                           lambda port=port: answers(port))

    def stop(self):
        for process in self.processes:
            process.stop()
        self.processes = []

    def restart(self):
        self.stop()
        self.start()

    def log_text(self):
        return "".join(process.log_text() for process in self.processes)

    def behind(self):
        # Swift's own interface, which has nothing to do with S3.
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=20)
        connection.request("GET", "/auth/v1.0", headers={
            "X-Auth-User": self.user, "X-Auth-Key": self.secret})
        token = connection.getresponse().headers["X-Auth-Token"]
        connection.close()
        return {"X-Auth-Token": token}

    def keys(self, prefix=""):
        found = []
        while True:
            query = urllib.parse.urlencode({
                "format": "json", "prefix": prefix,
                "marker": found[-1] if found else ""})
            status, body, _ = self.request("GET", f"{self.root}?{query}")
            page = json.loads(body) if status == 200 else []
            if not page:
                return found
            found += [entry["name"] for entry in page]


def swift_cache(_, **__):
    """A filter in place of memcached."""
    import time

    class Cache:
        def __init__(self):
            self.values = {}

        def set(self, key, value, time=0, **_):
            self.values[key] = (value, time and now() + time)

        def get(self, key, **_):
            value, end = self.values.get(key, (None, 0))
            return value if not end or end > now() else None

        def delete(self, key, **_):
            self.values.pop(key, None)

    now, cache = time.monotonic, Cache()

    def add(app):
        def run(environ, start_response):
            environ["swift.cache"] = cache
            return app(environ, start_response)
        return run
    return add


def run_swift(folder, kind, *ports):
    """In the child: serves until it is killed."""
    from swift.common.ring import RingBuilder
    from swift.common.utils import set_swift_dir
    from swift.common.wsgi import run_wsgi
    set_swift_dir(folder)
    if kind in SwiftServer.KINDS:
        name, port = kind, ports[SwiftServer.KINDS.index(kind)]
        ring = RingBuilder(1, 1, 0)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1,
                      "ip": "127.0.0.1", "port": int(port), "device": "disk"})
        ring.rebalance(seed=1)
        ring.get_ring().save(f"{folder}/{name}.ring.gz")
    sys.exit(run_wsgi(f"{folder}/{kind}.conf", f"{kind}-server"))


if __name__ == "__main__":
    # No child outlives a parent that was killed.
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    run_swift(*sys.argv[1:])
