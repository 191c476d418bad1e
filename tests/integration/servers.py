"""Cameras, stream servers and the opposite of both, on loopback.

Each server listens on a free port of 127.0.0.1, keeps its log in the folder it
was given, and comes back on the same port after restart(). Used as a context
manager or with stop(), it ends what it started and nothing else.
"""
import contextlib
import http.server
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

CACHE = pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
NGINX = pathlib.Path(
    os.environ.get("OCELLI_DEPS") or CACHE / "ocelli/deps") / "nginx"
# The one that Debian's python3-gi is for; the first in PATH may be another.
SYSTEM_PYTHON = "/usr/bin/python3"


def wait_for(condition, what, seconds=20):
    """The first true answer of `condition`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def ffmpeg(*arguments):
    """Runs ffmpeg to its end; what it printed on standard output."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)],
        capture_output=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(
            f"ffmpeg {' '.join(map(str, arguments))}: {done.stderr.decode()}")
    return done.stdout


def ffprobe(source, *arguments):
    """What ffprobe knows of a source, as JSON; AssertionError if nothing."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_streams",
         "-show_format", *map(str, arguments), str(source)],
        capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"ffprobe {source}: {done.stderr}")
    return json.loads(done.stdout)


class Process:
    """A child with its log in a file."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / f"{name}.log"
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def launch(self, command, ready, **options):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, **options)

        def up():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{command[0]} ended with {self.process.returncode}:\n"
                    f"{self.log_text()}")
            return ready()
        try:
            wait_for(up, f"{command[0]} to be ready")
        except AssertionError:
            self.stop()
            raise

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Kills it; whoever is connected sees the connection break."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None


class RtspServer(Process):
    """/cam plays a video over and over as a camera does; /secret is the same
    for who knows user and password; /push takes H.264, and /push-with-sound AAC
    beside it, in real time, and the picture lies in `pushed`. The video: H.264
    without B-frames, with AAC or without sound."""

    USER, PASSWORD = "viewer", "s3cret-Wachtwoord"
    LOOP_SECONDS = 600

    def __init__(self, folder, video, name="rtsp"):
        super().__init__(folder, name)
        self.pushed = self.folder / f"{name}-pushed.h264"
        self.port = free_port()
        described = ffprobe(video)
        sound = any(s["codec_type"] == "audio" for s in described["streams"])
        loops = int(self.LOOP_SECONDS / float(described["format"]["duration"]))
        self.video = self.folder / f"{name}.mkv"
        ffmpeg("-stream_loop", loops, "-i", video, "-c", "copy", self.video)
        self.arguments = [self.port, self.video, int(sound), self.pushed,
                          self.USER, self.PASSWORD]
        self.start()

    def start(self):
        self.launch([SYSTEM_PYTHON, __file__, *self.arguments],
                    lambda: answers(self.port))

    def restart(self):
        self.stop()
        self.start()

    def url(self, path="cam", login=""):
        return f"rtsp://{login}{'@' if login else ''}127.0.0.1:{self.port}/" + (
            path)

    @property
    def secret_url(self):
        return self.url("secret", f"{self.USER}:{self.PASSWORD}")


def run_rtsp_server(port, video, sound, pushed, user, password):
    """In the child: serves until it is killed."""
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)

    def token(role):
        made = GstRtspServer.RTSPToken()
        made.set_string("media.factory.role", role)
        return made
    auth = GstRtspServer.RTSPAuth()
    auth.set_default_token(token("anyone"))
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password),
                   token("user"))
    server.set_auth(auth)

    # Who may not even access gets a 404; who may not construct, a 401.
    def mount(path, launch, constructors, record=False):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch)
        factory.set_shared(not record)
        if record:
            factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        permissions = GstRtspServer.RTSPPermissions()
        for role in ("anyone", "user"):
            permissions.add_permission_for_role(
                role, "media.factory.access", True)
            permissions.add_permission_for_role(
                role, "media.factory.construct", role in constructors)
        factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    camera = (f"filesrc location={video} ! matroskademux name=d "
              "d.video_0 ! queue ! rtph264pay name=pay0 pt=96 "
              "config-interval=-1")
    if sound == "1":
        camera += " d.audio_0 ! queue ! rtpmp4gpay name=pay1 pt=97"
    mount("/cam", f"( {camera} )", ["anyone", "user"])
    mount("/secret", f"( {camera} )", ["user"])
    take = ("rtph264depay name=depay0 ! "
            "video/x-h264,stream-format=byte-stream,alignment=au ! "
            f"filesink location={pushed} sync=false buffer-mode=unbuffered")
    sound = "rtpmp4gdepay name=depay1 ! fakesink"
    mount("/push", f"( {take} )", ["anyone", "user"], record=True)
    mount("/push-with-sound", f"( {take} {sound} )", ["anyone", "user"],
          record=True)
    server.attach(None)
    GLib.MainLoop().run()


class RtmpServer(Process):
    """nginx with its RTMP module: what is pushed to url(NAME) can be pulled
    from there, and as HLS from hls_url(NAME)."""

    def __init__(self, folder, name="rtmp"):
        super().__init__(folder, name)
        self.root = self.folder / name
        self.hls = self.root / "hls"
        self.hls.mkdir(parents=True)
        self.port, self.http_port = free_port(), free_port()
        self.configuration = self.root / "nginx.conf"
        temporary = "\n".join(
            f"  {kind}_temp_path {self.root}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # One process: the one that stop() kills.
        self.configuration.write_text(f"""\
load_module {NGINX}/usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off;
master_process off;
pid {self.root}/pid;
error_log stderr warn;
events {{ worker_connections 64; }}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{self.port};
    application live {{
      live on;
      hls on;
      hls_path {self.hls};
      hls_fragment 1s;
      hls_playlist_length 6s;
    }}
  }}
}}
http {{
  access_log off;
{temporary}
  server {{
    listen 127.0.0.1:{self.http_port};
    root {self.root};
    location /hls {{
      types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
      add_header Cache-Control no-cache;
    }}
  }}
}}
""")
        self.start()

    def start(self):
        program = NGINX / "usr/sbin/nginx"
        if not program.exists():
            raise AssertionError(f"no {program}: run ./dev test")
        self.launch(
            [program, "-p", self.root, "-e", "stderr", "-c",
             self.configuration],
            lambda: answers(self.port) and answers(self.http_port))

    def restart(self):
        self.stop()
        self.start()

    def url(self, name):
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def hls_url(self, name):
        return f"http://127.0.0.1:{self.http_port}/hls/{name}.m3u8"

    def wait_for_hls(self, name):
        """Until a player would begin."""
        playlist = self.hls / f"{name}.m3u8"
        wait_for(lambda: playlist.exists() and
                 playlist.read_text().count("#EXTINF") >= 2,
                 f"two segments of {name}")


class Feed(Process):
    """ffmpeg that sends a video over and over, in real time."""

    def __init__(self, folder, video, url, name="feed"):
        super().__init__(folder, name)
        progress = self.folder / f"{name}.progress"
        self.launch(
            ["ffmpeg", "-nostdin", "-v", "warning", "-re", "-stream_loop", -1,
             "-i", video, "-c", "copy", "-f", "flv", "-progress", progress,
             "-stats_period", "0.2", url],
            lambda: progress.exists() and
            "out_time_us" in progress.read_text())


def feed(folder, video, url, name="feed"):
    return Feed(folder, video, url, name)


class GarbageServer:
    """Takes every connection; sends bytes that mean nothing, or none."""

    def __init__(self, silent=False):
        self.garbage = b"" if silent else random.Random(4).randbytes(1 << 16)
        self.port = 0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.taken = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(connection)
            if self.garbage:
                with contextlib.suppress(OSError):
                    connection.settimeout(1)
                    connection.sendall(self.garbage)

    def stop(self):
        # close() alone would leave the thread in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for connection in self.taken:
            connection.close()

    def restart(self):
        self.stop()
        self.start()

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port}/live/cam"


class HttpServer:
    """The files of a folder."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments, **named):
                super().__init__(*arguments, directory=str(folder), **named)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_port}/{name}"


if __name__ == "__main__":
    # No child outlives a parent that was killed.
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    run_rtsp_server(sys.argv[1], sys.argv[2], *sys.argv[3:])
