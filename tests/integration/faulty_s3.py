#!/usr/bin/env python3
"""An object store on loopback that is slow, fails and dies on command.

Run: faulty_s3.py PORT CONTROL_PORT BUCKET [discard]

It speaks enough S3 for an archive: PUT, GET, HEAD and DELETE of objects, list
version 2, HEAD of the bucket. It believes every signature of the access key
KEY, but checks bodies against x-amz-content-sha256. With `discard` it checks
nothing and keeps no more of pictures than their size.

CONTROL_PORT takes a JSON object a line and answers with one: the counters.
  latency: seconds from the end of a PUT's body to its answer
  faults: what becomes of the next requests: [{"what": ..., "times": N,
    "method": "PUT", "key": "part of it", "retry_after": S}], all but the first
    may be missing; `what` is an HTTP status, or
      reset      the connection breaks before the body is read
      lost       the request is carried out, then the connection breaks
      stall      no answer ever comes
      short      half of the body of a GET, then the connection breaks
  refuse: true: an outage, every connection breaks and new ones are refused
  clear: true: the counters begin again
"""
import asyncio
import email.utils
import hashlib
import json
import signal
import sys
import time
import urllib.parse
import xml.sax.saxutils

KEY = "tester"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
CODES = {400: "BadRequest", 403: "AccessDenied", 404: "NoSuchKey",
         429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}


class Store:
    def __init__(self, bucket, discard):
        self.bucket = bucket
        self.discard = discard
        self.objects = {}  # Key: (bytes or None, size, etag, time)
        self.latency = 0
        self.faults = []
        self.server = None
        self.connections = set()
        self.clear()

    def clear(self):
        self.counters = {"requests": {}, "answers": {}, "faults": 0,
                         "connections": 0, "at_once": 0, "most_at_once": 0,
                         "puts": {}}

    def count(self, kind, name):
        named = self.counters[kind]
        named[name] = named.get(name, 0) + 1

    def fault(self, method, key):
        for fault in self.faults:
            if (fault.get("method", method) == method and
                    fault.get("key", "") in key and fault.get("times", 1)):
                fault["times"] = fault.get("times", 1) - 1
                self.counters["faults"] += 1
                return fault
        return {}

    def put(self, key, body, size, headers):
        if self.discard:
            etag = "%032x" % size
        else:
            sent = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            digest = hashlib.sha256(body).hexdigest()
            if sent not in ("UNSIGNED-PAYLOAD", digest):
                return error(400, "XAmzContentSHA256Mismatch")
            etag = hashlib.md5(body).hexdigest()
        self.objects[key] = (body, size, etag, time.time())
        return 200, {"ETag": f'"{etag}"'}, b""

    def get(self, key):
        if key not in self.objects:
            return error(404)
        body, size, etag, modified = self.objects[key]
        if body is None:
            return error(404)
        return 200, {"ETag": f'"{etag}"',
                     "Last-Modified": http_time(modified),
                     "Content-Type": "application/octet-stream"}, body

    def head(self, key):
        if key not in self.objects:
            return 404, {}, b""
        _, size, etag, modified = self.objects[key]
        return 200, {"ETag": f'"{etag}"', "Content-Length": str(size),
                     "Last-Modified": http_time(modified)
                     }, b""

    def list(self, query):
        prefix = query.get("prefix", "")
        after = query.get("continuation-token", query.get("start-after", ""))
        most = int(query.get("max-keys", 1000))
        keys = sorted((key for key in self.objects
                       if key.startswith(prefix) and key > after),
                      key=lambda key: key.encode())
        found, more = keys[:most], len(keys) > most
        quote = (urllib.parse.quote if query.get("encoding-type") == "url"
                 else xml.sax.saxutils.escape)
        lines = ['<?xml version="1.0" encoding="UTF-8"?>',
                 f'<ListBucketResult xmlns="{NAMESPACE}">',
                 f"<Name>{self.bucket}</Name><Prefix>{quote(prefix)}</Prefix>",
                 f"<KeyCount>{len(found)}</KeyCount><MaxKeys>{most}</MaxKeys>",
                 f"<IsTruncated>{str(more).lower()}</IsTruncated>"]
        if "encoding-type" in query:
            lines.append("<EncodingType>url</EncodingType>")
        if more:
            token = xml.sax.saxutils.escape(found[-1])
            lines.append(
                f"<NextContinuationToken>{token}</NextContinuationToken>")
        for key in found:
            _, size, etag, modified = self.objects[key]
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(modified))
            lines.append(
                f"<Contents><Key>{quote(key)}</Key><LastModified>{when}"
                f'</LastModified><ETag>"{etag}"</ETag><Size>{size}</Size>'
                "<StorageClass>STANDARD</StorageClass></Contents>")
        lines.append("</ListBucketResult>")
        return (200, {"Content-Type": "application/xml"},
                "\n".join(lines).encode())

    def answer(self, method, path, query, headers, body, size):
        _, bucket, *rest = path.split("/", 2)
        key = rest[0] if rest else ""
        if f"Credential={KEY}/" not in headers.get("authorization", "") and (
                f"{KEY}/" not in query.get("X-Amz-Credential", "") and
                "x-test" not in headers):
            return error(403, "InvalidAccessKeyId")
        if bucket != self.bucket:
            return error(404, "NoSuchBucket")
        if not key and method == "GET":
            return self.list(query)
        if not key:
            return 200, {}, b""
        if method == "PUT":
            return self.put(key, body, size, headers)
        if method == "GET":
            return self.get(key)
        if method == "HEAD":
            return self.head(key)
        if method == "DELETE":
            self.objects.pop(key, None)
            return 204, {}, b""
        return error(400)

    async def serve(self, reader, writer):
        self.counters["connections"] += 1
        self.connections.add(writer)
        try:
            while await self.one_request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def read_body(self, reader, key, size):
        """None where it is not kept."""
        if not (self.discard and key.endswith(".jpg")):
            return await reader.readexactly(size) if size else b""
        left = size
        while left:
            piece = await reader.read(left)
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
        return None

    async def one_request(self, reader, writer):
        """Whether the connection lives on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        raw_path, _, raw_query = target.partition("?")
        path = urllib.parse.unquote(raw_path)
        query = dict(urllib.parse.parse_qsl(raw_query, keep_blank_values=True))
        key = path.split("/", 2)[2] if path.count("/") > 1 else ""
        self.count("requests", method)
        fault = self.fault(method, key)
        what = fault.get("what")
        if what == "reset":
            writer.transport.abort()
            return False
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = int(headers.get("content-length", 0))
        body = await self.read_body(reader, key, size)
        counters = self.counters
        counters["at_once"] += 1
        counters["most_at_once"] = max(counters["most_at_once"],
                                       counters["at_once"])
        try:
            if what == "stall":
                await reader.read()
                return False
            if method == "PUT" and self.latency:
                await asyncio.sleep(self.latency)
        finally:
            counters["at_once"] -= 1
        if writer.is_closing():
            return False
        if isinstance(what, int):
            status, named, content = error(what)
            if "retry_after" in fault:
                named["Retry-After"] = str(fault["retry_after"])
        else:
            status, named, content = self.answer(method, path, query, headers,
                                                 body, size)
            if method == "PUT" and status == 200 and not self.discard:
                self.count("puts", key)
        if what == "lost":
            writer.transport.abort()
            return False
        self.count("answers", str(status))
        named.setdefault("Content-Length", str(len(content)))
        if status == 204:
            del named["Content-Length"]
        if method == "HEAD":
            content = b""
        if what == "short":
            content = content[:len(content) // 2]
        writer.write(f"HTTP/1.1 {status} X\r\n".encode() + b"".join(
            f"{name}: {value}\r\n".encode() for name, value in named.items())
            + b"\r\n" + content)
        await writer.drain()
        if what == "short":
            return False
        return headers.get("connection", "").lower() != "close"

    async def listen(self, port):
        self.server = await asyncio.start_server(
            self.serve, "127.0.0.1", port, limit=1 << 20, backlog=1024)

    async def refuse(self, port, refused):
        if refused and self.server:
            self.server.close()
            await self.server.wait_closed()
            self.server = None
            for writer in list(self.connections):
                writer.transport.abort()
        if not refused and not self.server:
            await self.listen(port)


def http_time(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


def error(status, code=None):
    code = code or CODES.get(status, "InternalError")
    return (status, {"Content-Type": "application/xml"},
            f'<?xml version="1.0"?><Error><Code>{code}</Code>'
            f"<Message>This is a test: {code}.</Message></Error>".encode())


async def main(port, control_port, bucket, discard):
    store = Store(bucket, discard)

    async def control(reader, writer):
        while line := await reader.readline():
            order = json.loads(line)
            if order.get("clear"):
                store.clear()
            store.latency = order.get("latency", store.latency)
            store.faults = order.get("faults", store.faults)
            if "refuse" in order:
                await store.refuse(port, order["refuse"])
            answer = {**store.counters, "objects": len(store.objects)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    await store.listen(port)
    server = await asyncio.start_server(control, "127.0.0.1", control_port)
    await server.serve_forever()


if __name__ == "__main__":
    # It does not outlive a parent that was killed.
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3],
                     "discard" in sys.argv[4:]))
