"""What the tests of `ocelli serve` have in common.

The program is the first argument of whoever imports this. Run by Debian's
Python, which Debian's gRPC is for.
"""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading

from case import PROGRAM, Case
from servers import wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROTO = ROOT / "proto"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Service:
    """A running `ocelli serve` on free ports of loopback."""

    def __init__(self, folder, data, *arguments, settings=""):
        self.log = folder / f"serve-{id(self)}.log"
        config = folder / f"serve-{id(self)}.toml"
        config.write_text(settings)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--data", data, "--log-level", "info", "--json",
                 "serve", "--config", config, "--port", "0", "--grpc-port",
                 "0", *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.says = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.address = wait_for(
                lambda: self.said("http") or self.gone(), "an address", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_text()}") from None
        self.secure = self.address["http"].startswith("https")
        self.port = int(self.address["http"].rpartition(":")[2])
        self.grpc = self.address.get("grpc")

    def read(self):
        for line in self.process.stdout:
            self.says.append(json.loads(line))

    def said(self, member):
        return next((line for line in self.says if member in line), None)

    def gone(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}")

    def wait_ready(self):
        wait_for(lambda: self.get("/readyz").status == 200 or self.gone(),
                 "ready", 120)
        return self

    def log_text(self):
        return self.log.read_text(errors="replace")

    def request(self, method, path, body=None, headers=None, key=None,
                timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=timeout)
        with contextlib.closing(connection):
            headers = dict(headers or {})
            if key:
                headers["Authorization"] = f"Bearer {key}"
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def post_image(self, path, image, **options):
        return self.post(path, pathlib.Path(image).read_bytes(),
                         headers={"Content-Type": "image/jpeg"}, **options)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 60)

    def memory(self):
        """Resident, in bytes."""
        for line in pathlib.Path(
                f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self, code=0):
        """SIGTERM; what it had to say."""
        self.process.send_signal(signal.SIGTERM)
        ended = self.process.wait(60)
        self.reader.join()
        self.process.stdout.close()
        if ended != code:
            raise AssertionError(f"ended with {ended}: {self.log_text()}")
        return self.log_text()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class ServeCase(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.show_logs)

    def show_logs(self):
        # What unittest knows by now; there is no public way to ask.
        if not self._outcome.success:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')}")

    def serve(self, *arguments, settings=""):
        service = Service(self.folder, self.data, *arguments,
                          settings=settings)
        self.addCleanup(service.kill)
        return service

    def key(self, name, scope):
        return self.json_lines("key", "create", name, "--scope", scope)[0][
            "key"]


class Contract:
    """The messages and methods of proto/ocelli/v1, over gRPC."""

    def __init__(self, address, key=None):
        import grpc
        from google.protobuf import descriptor_pb2, descriptor_pool
        from google.protobuf import message_factory
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run(
                ["protoc", "-I", PROTO, "--include_imports",
                 f"--descriptor_set_out={file.name}",
                 *sorted((PROTO / "ocelli/v1").glob("*.proto"))], check=True)
            files = descriptor_pb2.FileDescriptorSet.FromString(
                pathlib.Path(file.name).read_bytes())
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", 64 << 20),
                              ("grpc.max_send_message_length", 64 << 20)])
        self.metadata = [("authorization", f"Bearer {key}")] if key else []

    def message(self, name, **fields):
        return self.factory.GetPrototype(
            self.pool.FindMessageTypeByName(f"ocelli.v1.{name}"))(**fields)

    def call(self, name, request, timeout=120, **options):
        """"Vision.Recognize"; streams are chosen by what the method is."""
        method = self.pool.FindMethodByName(f"ocelli.v1.{name}")
        service, _, rpc = name.partition(".")
        kind = (
            self.channel.stream_stream if name == "Vision.StreamFrames" else
            self.channel.unary_stream if name == "Live.WatchLive" else
            self.channel.unary_unary)
        answer = self.factory.GetPrototype(method.output_type)
        return kind(
            f"/ocelli.v1.{service}/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString)(
                request, timeout=timeout, metadata=self.metadata, **options)

    def close(self):
        self.channel.close()
