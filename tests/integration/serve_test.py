#!/usr/bin/env python3
"""The service as programs use it: REST and gRPC, locked and open."""
import base64
import concurrent.futures
import contextlib
import json
import signal
import struct
import subprocess
import unittest

from case import ALBUM, DATA, FLAGS, PHOTOS
from serve_case import Contract, ServeCase
from servers import wait_for

FILM = DATA / "demo/film/franck.mp4"
JESPER = ALBUM / "jesper.jpg"
JPEG = {"Content-Type": "image/jpeg"}


def form(**parts):
    """A multipart/form-data body: bytes are files, the rest are fields."""
    lines = []
    for name, value in parts.items():
        lines.append(b"--edge\r\n")
        if isinstance(value, bytes):
            lines.append(f'Content-Disposition: form-data; name="{name}"; '
                         f'filename="{name}.jpg"\r\nContent-Type: image/jpeg'
                         "\r\n\r\n".encode() + value)
        else:
            lines.append(f'Content-Disposition: form-data; name="{name}"'
                         f"\r\n\r\n{value}".encode())
        lines.append(b"\r\n")
    return (b"".join(lines) + b"--edge--\r\n",
            {"Content-Type": "multipart/form-data; boundary=edge"})


class Rest(ServeCase):
    def test_a_picture_is_recognised_in_every_form_it_may_come_in(self):
        self.teach_jesper()
        service = self.serve()
        picture = JESPER.read_bytes()
        body, kind = form(image=picture, mesh="true")
        answers = [
            service.post_image("/v1/recognize", JESPER),
            service.post("/v1/recognize",
                         {"image": {"data": base64.b64encode(
                             picture).decode()}}),
            service.post("/v1/recognize", body, headers=kind),
        ]
        for answer in answers:
            self.assertEqual(answer.status, 200, answer.body)
            faces = answer.json["analysis"]["faces"]
            self.assertEqual([face["person"]["name"] for face in faces],
                             ["Jesper"])
        self.assertTrue(answers[1].json["cached"])
        new = service.post_image("/v1/recognize", PHOTOS / "sample1.jpg")
        self.assertFalse(new.json["cached"])
        self.assertEqual(answers[0].json["analysis"]["faces"][0]["mesh"], [])
        self.assertEqual(
            len(answers[2].json["analysis"]["faces"][0]["mesh"]), 478)
        # The command line sees the same, from the same cache.
        line = self.json_lines("recognize", JESPER)[0]
        self.assertEqual(line["digest"],
                         answers[0].json["analysis"]["digest"])

    def test_two_pictures_are_compared(self):
        service = self.serve()
        body, kind = form(first=JESPER.read_bytes(),
                          second=(ALBUM / "jesper_2.jpg").read_bytes())
        answer = service.post("/v1/verify", body, headers=kind)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.json["same"])

    def test_people_come_change_and_go(self):
        service = self.serve()
        added = service.post_image("/v1/people/Jesper/faces", JESPER)
        self.assertEqual(added.status, 201, added.body)
        face = added.json["id"]
        picture = service.get(f"/v1/faces/{face}/picture")
        self.assertEqual((picture.status, picture.headers["Content-Type"]),
                         (200, "image/jpeg"), picture.body)
        again = service.get(
            f"/v1/faces/{face}/picture",
            headers={"If-None-Match": picture.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        renamed = service.request("PATCH", "/v1/people/Jesper",
                                  {"newName": "Jørgen Å"})
        self.assertEqual(renamed.status, 200, renamed.body)
        people = service.get("/v1/people").json["people"]
        self.assertEqual([person["name"] for person in people], ["Jørgen Å"])
        named = service.post_image("/v1/recognize", JESPER).json
        self.assertEqual(
            named["analysis"]["faces"][0]["person"]["name"], "Jørgen Å")
        gone = service.request("DELETE", "/v1/people/J%C3%B8rgen%20%C3%85")
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertEqual(service.get("/v1/people").json["people"], [])
        self.assertEqual(service.get(f"/v1/faces/{face}/picture").status, 404)

    def test_who_is_not_known_can_be_named_later(self):
        service = self.serve()
        service.post_image("/v1/recognize", JESPER)
        service.post_image("/v1/recognize", ALBUM / "jesper_2.jpg")
        unknown = service.get("/v1/unknown").json["people"]
        self.assertEqual(len(unknown), 1, unknown)
        self.assertEqual(int(unknown[0]["seen"]), 2)
        one = unknown[0]["id"]
        self.assertEqual(service.get(f"/v1/unknown/{one}/picture").status, 200)
        named = service.post(f"/v1/unknown/{one}/name", {"name": "Jesper"})
        self.assertEqual(named.status, 200, named.body)
        self.assertEqual(service.get("/v1/unknown").json["people"], [])
        self.assertEqual(self.names(JESPER), [["Jesper"]])

    def test_flags_are_found(self):
        service = self.serve()
        made = service.post("/v1/collections", {"name": "flags"})
        self.assertEqual(made.status, 201, made.body)
        for code in ("td", "ro", "au", "nz", "fr", "jp"):
            put = service.request(
                "PUT", f"/v1/collections/flags/items/{code}?",
                (FLAGS / f"{code}.png").read_bytes(),
                headers={"Content-Type": "image/png"})
            self.assertEqual(put.status, 200, put.body)
        for code, like in (("td", "ro"), ("au", "nz")):
            found = service.post(
                "/v1/collections/flags/search?k=2",
                (FLAGS / f"{code}.png").read_bytes(),
                headers={"Content-Type": "image/png"})
            self.assertEqual(found.status, 200, found.body)
            hits = found.json["hits"]
            self.assertEqual([hit["item"]["id"] for hit in hits], [code, like])
            self.assertTrue(hits[0]["identical"])
        by_id = service.post("/v1/collections/flags/search",
                             {"id": "td", "k": 1}).json["hits"]
        self.assertEqual(by_id[0]["item"]["id"], "ro")
        picture = service.get("/v1/collections/flags/items/td/picture")
        self.assertEqual(picture.headers["Content-Type"], "image/jpeg")

    def test_what_it_says_of_itself(self):
        service = self.serve().wait_ready()
        self.assertEqual(service.get("/healthz").status, 200)
        described = service.get("/openapi.json").json
        self.assertTrue(described["openapi"].startswith("3.1"))
        self.assertIn("/v1/people/{name}/faces", described["paths"])
        service.post_image("/v1/recognize", JESPER)
        metrics = service.get("/metrics")
        self.assertEqual(metrics.status, 200)
        self.assertIn(b"ocelli_api_", metrics.body)
        status = service.get("/v1/status").json
        self.assertTrue(status["ready"])
        self.assertGreater(int(status["requests"]), 0)
        page = service.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn("text/html", page.headers["Content-Type"])
        self.assertIn("default-src 'self'",
                      page.headers["Content-Security-Policy"])

    def test_bad_input_is_refused_with_what_is_wrong(self):
        service = self.serve()
        deep = "[" * 10_000 + "]" * 10_000
        for status, path, body, headers in (
                (400, "/v1/recognize", b"no picture", JPEG),
                (400, "/v1/recognize", b"", JPEG),
                (400, "/v1/recognize", JESPER.read_bytes()[:3000], JPEG),
                (400, "/v1/recognize", deep.encode(),
                 {"Content-Type": "application/json"}),
                (400, "/v1/recognize", b"{\"imag\": 1}",
                 {"Content-Type": "application/json"}),
                (415, "/v1/recognize", b"x", {"Content-Type": "text/plain"}),
                (400, "/v1/recognize", b"--x", {
                    "Content-Type": "multipart/form-data; boundary=edge"}),
                (400, "/v1/recognize?nonsense=1", JESPER.read_bytes(), JPEG),
                (404, "/v1/collections/none/search", b"{\"id\":\"a\"}",
                 {"Content-Type": "application/json"}),
                (404, "/v1/nothing", b"", {}),
        ):
            answer = service.post(path, body, headers=headers)
            self.assertEqual(answer.status, status, (path, answer.body))
            self.assertEqual(answer.headers["Content-Type"],
                             "application/problem+json")
            self.assertEqual(answer.json["status"], status)
            self.assertTrue(answer.json["detail"])
        for url in ("http://127.0.0.1:1/a.jpg", "http://169.254.169.254/",
                    "http://[::1]/a.jpg", "file:///etc/passwd",
                    f"http://127.0.0.1:{service.port}/healthz"):
            answer = service.post("/v1/recognize", {"image": {"url": url}})
            self.assertIn(answer.status, (400, 403), (url, answer.body))
        for path in ("/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                     "/assets/..%2f..%2fetc/passwd", "/v1/people/%00"):
            self.assertIn(service.get(path).status, (400, 404), path)
        self.assertEqual(service.get("/healthz").status, 200)


class Grpc(ServeCase):
    def contract(self, service, key=None):
        contract = Contract(service.grpc, key)
        self.addCleanup(contract.close)
        return contract

    def test_methods_answer_as_rest_does(self):
        self.teach_jesper()
        service = self.serve()
        contract = self.contract(service)
        answer = contract.call("Vision.Recognize", contract.message(
            "RecognizeRequest",
            image=contract.message("Image", data=JESPER.read_bytes())))
        self.assertEqual([face.person.name for face in answer.analysis.faces],
                         ["Jesper"])
        rest = service.post_image("/v1/recognize", JESPER).json
        self.assertEqual(answer.analysis.digest, rest["analysis"]["digest"])
        people = contract.call("People.ListPeople",
                               contract.message("ListPeopleRequest"))
        self.assertEqual([person.name for person in people.people], ["Jesper"])

    def test_frames_come_back_in_their_order(self):
        self.teach_jesper()
        contract = self.contract(self.serve())
        picture = JESPER.read_bytes()

        def frames():
            yield contract.message(
                "StreamFramesRequest", encoded=picture, sequence=7,
                settings=contract.message(
                    "StreamSettings", faces=True, names=True, pictures=True))
            for sequence in range(8, 40):
                yield contract.message("StreamFramesRequest", sequence=sequence,
                                       encoded=(b"broken" if sequence == 20
                                                else picture))
        answers = list(contract.call("Vision.StreamFrames", frames()))
        self.assertEqual([answer.sequence for answer in answers],
                         list(range(7, 40)))
        self.assertEqual([answer.sequence for answer in answers if answer.error],
                         [20])
        self.assertTrue(answers[0].picture.startswith(b"\xff\xd8"))
        tracks = {face.track for answer in answers for face in answer.faces}
        self.assertEqual(len(tracks), 1)
        self.assertEqual(answers[-1].faces[0].face.person.name, "Jesper")

    def test_a_locked_service_wants_a_key(self):
        import grpc
        reader = self.key("reader", "read")
        service = self.serve()
        for key, method, code in (
                (None, "People.ListPeople", grpc.StatusCode.UNAUTHENTICATED),
                ("ocelli_" + "a" * 64, "People.ListPeople",
                 grpc.StatusCode.UNAUTHENTICATED),
                (reader, "People.RemovePerson",
                 grpc.StatusCode.PERMISSION_DENIED)):
            contract = self.contract(service, key)
            with self.assertRaises(grpc.RpcError) as refused:
                contract.call(method, contract.message(
                    method.partition(".")[2] + "Request"))
            self.assertEqual(refused.exception.code(), code)
        contract = self.contract(service, reader)
        contract.call("People.ListPeople",
                      contract.message("ListPeopleRequest"))

    def test_a_deadline_is_kept(self):
        import grpc
        contract = self.contract(self.serve())
        with self.assertRaises(grpc.RpcError) as late:
            contract.call("Vision.Recognize", contract.message(
                "RecognizeRequest", image=contract.message(
                    "Image", data=(PHOTOS / "sample1.jpg").read_bytes())),
                timeout=0.001)
        self.assertEqual(late.exception.code(),
                         grpc.StatusCode.DEADLINE_EXCEEDED)


class Access(ServeCase):
    def test_open_only_on_this_machine(self):
        refused = self.run_program("serve", "--address", "0.0.0.0", "--port",
                                   "0", "--grpc-port", "0", code=2)
        self.assertIn("--insecure", refused.stderr)
        self.assertIn("key create", refused.stderr)
        self.key("one", "read")
        refused = self.run_program("serve", "--address", "0.0.0.0", "--port",
                                   "0", "--grpc-port", "0", code=2)
        self.assertIn("TLS", refused.stderr)

    def test_other_sites_and_names_are_refused(self):
        service = self.serve()
        for headers in ({"Host": "evil.example"},
                        {"Origin": "https://evil.example"},
                        {"Sec-Fetch-Site": "cross-site"}):
            answer = service.post("/v1/collections", {"name": "x"},
                                  headers=headers)
            self.assertEqual(answer.status, 403, (headers, answer.body))

    def test_keys_open_what_their_scope_says(self):
        keys = {scope: self.key(scope, scope)
                for scope in ("read", "write", "admin")}
        service = self.serve()
        self.assertEqual(service.get("/v1/people").status, 401)
        self.assertEqual(service.get("/healthz").status, 200)
        for key in keys.values():
            self.assertEqual(service.get("/v1/people", key=key).status,
                             200 if key != keys["write"] else 403)
        self.assertEqual(service.post("/v1/collections", {"name": "x"},
                                      key=keys["read"]).status, 403)
        self.assertEqual(service.post("/v1/collections", {"name": "x"},
                                      key=keys["write"]).status, 201)
        self.assertEqual(service.get("/v1/keys", key=keys["write"]).status,
                         403)
        self.assertEqual(len(service.get(
            "/v1/keys", key=keys["admin"]).json["keys"]), 3)
        self.run_program("key", "revoke", "read")
        self.assertEqual(service.get("/v1/people", key=keys["read"]).status,
                         401)

    def test_a_user_logs_in_and_is_remembered_by_a_cookie(self):
        subprocess.run(
            [self.program(), "--data", self.data, "user", "add", "Ada",
             "--scope", "read,write"],
            input="correct horse battery\n", text=True, check=True,
            stdout=subprocess.DEVNULL)
        service = self.serve()
        wrong = service.post("/v1/session",
                             {"name": "Ada", "password": "wrong horse"})
        self.assertEqual(wrong.status, 401)
        answer = service.post(
            "/v1/session",
            {"name": "Ada", "password": "correct horse battery"})
        self.assertEqual(answer.status, 200, answer.body)
        cookie = answer.headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Strict", cookie)
        cookie = {"Cookie": cookie.partition(";")[0]}
        self.assertEqual(service.get("/v1/people", headers=cookie).status, 200)
        self.assertEqual(service.post("/v1/collections", {"name": "x"},
                                      headers=cookie).status, 403)
        token = {"X-CSRF-Token": answer.json["csrfToken"]}
        self.assertEqual(service.post("/v1/collections", {"name": "x"},
                                      headers={**cookie, **token}).status, 201)
        service.request("DELETE", "/v1/session", headers={**cookie, **token})
        self.assertEqual(service.get("/v1/people", headers=cookie).status, 401)

    @staticmethod
    def program():
        from case import PROGRAM
        return PROGRAM


class Cameras(ServeCase):
    SETTINGS = f"""
[camera.film]
source = {json.dumps(str(FILM))}
repeat = true
[camera.away]
source = "rtsp://127.0.0.1:9/none"
"""

    def test_the_film_is_a_camera(self):
        service = self.serve(settings=self.SETTINGS)

        def video(name):
            return service.get(f"/v1/live/{name}").json
        wait_for(lambda: int(video("film").get("framesOut", 0)) > 20, "frames",
                 120)
        self.assertEqual(video("film")["state"], "running")
        wait_for(lambda: video("away").get("error"), "a reason", 60)
        picture = service.get("/v1/live/film/picture?max_side=160")
        self.assertEqual(picture.status, 200, picture.body)
        self.assertTrue(picture.body.startswith(b"\xff\xd8"))
        with contextlib.closing(service.connect()) as stream:
            stream.sendall(b"GET /v1/live/film/mjpeg HTTP/1.1\r\n"
                           b"Host: 127.0.0.1\r\n\r\n")
            data = b""
            while data.count(b"Content-Type: image/jpeg") < 3:
                data += stream.recv(1 << 16)
        self.assertIn(b"multipart/x-mixed-replace", data)

    def test_events_come_over_a_websocket(self):
        service = self.serve(settings=self.SETTINGS)
        wait_for(lambda: int(service.get("/v1/live/film").json.get(
            "framesOut", 0)) > 0, "frames", 120)
        with contextlib.closing(service.connect()) as stream:
            stream.sendall(b"GET /v1/live/film/events HTTP/1.1\r\n"
                           b"Host: 127.0.0.1\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13"
                           b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
                           b"\r\n\r\n")
            reader = stream.makefile("rb")
            self.assertIn(b" 101 ", reader.readline())
            while reader.readline() != b"\r\n":
                pass
            sequences = []
            while len(sequences) < 5:
                head = reader.read(2)
                size = head[1] & 127
                if size == 126:
                    size = struct.unpack(">H", reader.read(2))[0]
                elif size == 127:
                    size = struct.unpack(">Q", reader.read(8))[0]
                payload = reader.read(size)
                if head[0] & 15 == 1:
                    frame = json.loads(payload)
                    sequences.append(int(frame.get("sequence", 0)))
        self.assertEqual(sequences, sorted(set(sequences)))

    def test_a_camera_is_archived_while_it_is_shown(self):
        archive = self.folder / "frames"
        service = self.serve(settings=f"""
[camera.film]
source = {json.dumps(str(FILM))}
archive = {json.dumps("dir:" + str(archive))}
archive_options = ["--fps=5", "--limit=20"]
""")
        wait_for(lambda: any(
            summary["state"] == "finished" for summary in service.get(
                "/v1/archive").json.get("archives", [])), "an archive", 120)
        frames = service.get("/v1/archive/film/frames?limit=100").json
        self.assertEqual([int(frame.get("seq", 0))
                          for frame in frames["frames"]], list(range(20)))
        picture = service.get("/v1/archive/film/frames/3/picture")
        self.assertTrue(picture.body.startswith(b"\xff\xd8"))
        verified = service.post("/v1/archive/film/verify", {}).json
        self.assertTrue(verified["good"], verified)
        service.end()
        self.run_program("archive", "verify", "film")


class Endurance(ServeCase):
    def test_what_is_under_way_is_finished_when_it_is_told_to_end(self):
        service = self.serve().wait_ready()
        photos = sorted(PHOTOS.glob("*.jpg"))[:4]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(service.post_image, "/v1/recognize", photo)
                     for photo in photos]
            wait_for(lambda: int(service.get("/v1/status").json.get(
                "inFlight", 0)) > 0, "requests", 60)
            service.process.send_signal(signal.SIGTERM)
            statuses = {answer.result().status for answer in asked}
        self.assertLessEqual(statuses, {200, 503})
        self.assertIn(200, statuses)
        self.assertEqual(service.process.wait(60), 0, service.log_text())

    def test_slow_and_broken_clients_do_not_disturb_others(self):
        slow, other = self.key("slow", "read"), self.key("other", "read")
        service = self.serve().wait_ready()
        service.post_image("/v1/recognize", JESPER, key=other)
        sockets = []
        for index in range(200):
            stream = service.connect()
            sockets.append(stream)
            # A head that never ends, a body that never comes.
            stream.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           b"Authorization: Bearer " + slow.encode() + b"\r\n"
                           + (b"X-Slow: " if index % 2 else
                              b"Content-Type: image/jpeg\r\n"
                              b"Content-Length: 1000000\r\n\r\n\xff\xd8"))
        for _ in range(20):
            self.assertEqual(service.post_image("/v1/recognize", JESPER,
                                                key=other).status, 200)
        for stream in sockets:
            stream.close()
        wait_for(lambda: int(service.get("/v1/status", key=other).json.get(
            "inFlight", 0)) <= 1, "the places of those who left", 60)

    def test_nothing_is_left_of_clients_that_went(self):
        service = self.serve().wait_ready()

        def load():
            for _ in range(30):
                service.post_image("/v1/recognize", JESPER)
                stream = service.connect()
                stream.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: "
                               b"127.0.0.1\r\nContent-Length: 9999\r\n\r\nxx")
                stream.close()
        load()
        files = service.files()
        load()
        wait_for(lambda: service.files() <= files, "files to be closed", 60)

    def test_bodies_that_are_too_large_are_refused_early(self):
        service = self.serve(settings="[serve]\nmax_image_bytes = 100000\n")
        answer = service.post("/v1/recognize", b"x" * 100_001, headers=JPEG)
        self.assertEqual(answer.status, 413)
        with contextlib.closing(service.connect()) as stream:
            stream.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           b"Content-Type: image/jpeg\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(100):
                    stream.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            stream.settimeout(60)
            data = b""
            with contextlib.suppress(OSError):
                while part := stream.recv(1 << 16):
                    data += part
        self.assertIn(b" 413 ", data.split(b"\r\n")[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
