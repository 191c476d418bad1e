"""Redis on loopback: one server, a Cluster, and Sentinels with their master.

The classes are as those of servers.py: free ports of 127.0.0.1, the log in the
folder, the same port after restart(). Nothing is kept over a restart unless
`--appendonly yes` is among the options. pause() is an outage in which
connections stay open and nobody answers.
"""
import contextlib
import ctypes
import signal
import socket
import threading
from urllib.parse import quote

from servers import Process, free_port, wait_for

# redis-tools has the server under another name; its first argument decides
# what it is. The package of its own would start a service.
SERVER = "/usr/bin/redis-check-rdb"


def end_with_parent():
    """In the child: no server outlives a test that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class RedisError(Exception):
    """What Redis answered with a minus."""


class Connection:
    """Just enough of RESP2 to look behind the back of the program."""

    def __init__(self, port, password=None, seconds=10):
        self.wire = socket.create_connection(("127.0.0.1", port), seconds)
        self.file = self.wire.makefile("rb")
        if password:
            self.run("AUTH", password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.wire.close()

    def run(self, *arguments):
        """The reply: int, bytes, None or a list; RedisError."""
        parts = [argument if isinstance(argument, bytes)
                 else str(argument).encode() for argument in arguments]
        self.wire.sendall(b"*%d\r\n" % len(parts) + b"".join(
            b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            return self.file.read(count + 2)[:-2]
        return [self.read() for _ in range(count)]


class RedisServer(Process):
    """One server. `options` as on its command line: "--maxmemory", "8mb"."""

    def __init__(self, folder, *options, name="redis", password=None):
        super().__init__(folder, name)
        self.port, self.password = free_port(), password
        self.data = self.folder / f"{name}-data"
        self.data.mkdir()
        self.options = list(options)
        if password:
            self.options += ["--requirepass", password, "--masterauth",
                             password]
        self.start()

    def start(self):
        self.launch(
            ["redis-server", "--port", self.port, "--bind", "127.0.0.1",
             "--dir", self.data, "--save", "", *self.options], self.ready,
            executable=SERVER, preexec_fn=end_with_parent)

    def restart(self):
        self.stop()
        self.start()

    def ready(self):
        # LOADING answers too, but with an error.
        with contextlib.suppress(OSError, RedisError):
            return self.run("PING") == b"PONG"
        return False

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def connect(self):
        return Connection(self.port, self.password)

    def run(self, *arguments):
        """One command over a connection of its own."""
        with self.connect() as connection:
            return connection.run(*arguments)

    def info(self, section="everything"):
        """INFO as a dict."""
        lines = self.run("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{login}{self.address}"


class Servers:
    """Several that belong together."""

    def __init__(self):
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for node in self.nodes:
            node.stop()

    def log_text(self):
        return "".join(node.log_text() for node in self.nodes)


class RedisCluster(Servers):
    """Three masters with a third of the slots each, and a replica for each of
    them. Masters come first in `nodes`."""

    MASTERS = 3

    def __init__(self, folder, *options, name="cluster", node_timeout=2000,
                 replicas=True):
        super().__init__()
        try:
            for number in range(self.MASTERS * (2 if replicas else 1)):
                # The usual port of the bus, 10000 above, may not exist.
                self.nodes.append(RedisServer(
                    folder, "--cluster-enabled", "yes", "--cluster-port",
                    str(free_port()), "--cluster-node-timeout",
                    str(node_timeout), "--repl-diskless-sync-delay", "0",
                    *options, name=f"{name}-{number}"))
            self.join()
        except BaseException:
            self.stop()
            raise

    def join(self):
        """What redis-cli --cluster create does, without its pauses."""
        masters = self.nodes[:self.MASTERS]
        first = self.nodes[0]
        for number, node in enumerate(self.nodes):
            node.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        bounds = [16384 * number // self.MASTERS
                  for number in range(self.MASTERS + 1)]
        for master, begin, end in zip(masters, bounds, bounds[1:]):
            master.run("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        bus = self.bus_port(first)
        for node in self.nodes[1:]:
            node.run("CLUSTER", "MEET", "127.0.0.1", first.port, bus)
        names = [master.run("CLUSTER", "MYID") for master in masters]
        for number, replica in enumerate(self.nodes[self.MASTERS:]):
            # Once it has heard of its master.
            master = names[number]
            wait_for(lambda: self.replicate(replica, master),
                     "a replica to know its master")
        self.wait_until_whole()

    @staticmethod
    def bus_port(node):
        return int(node.options[node.options.index("--cluster-port") + 1])

    @staticmethod
    def replicate(replica, master):
        try:
            return replica.run("CLUSTER", "REPLICATE", master) == b"OK"
        except RedisError:
            return False

    def wait_until_whole(self):
        """Until every node that runs sees every slot served, and replicas have
        what their masters have."""
        def whole():
            for node in self.running():
                state = node.run("CLUSTER", "INFO").decode()
                known = node.run("CLUSTER", "NODES").decode()
                if "cluster_state:ok" not in state or "handshake" in known:
                    return False
                if known.count("slave") < len(self.nodes) - self.MASTERS:
                    return False
                linked = node.info("replication")
                if linked["role"] == "slave" and (
                        linked["master_link_status"] != "up"):
                    return False
            return True
        wait_for(whole, "a whole cluster", 60)

    def running(self):
        return [node for node in self.nodes
                if node.process and node.process.poll() is None]

    def master_of(self, key):
        """Whose the slot of `key` is at present."""
        for node in self.running():
            slot = node.run("CLUSTER", "KEYSLOT", key)
            for begin, end, master, *_ in node.run("CLUSTER", "SLOTS"):
                if begin <= slot <= end:
                    return next(node for node in self.nodes
                                if node.port == master[1])
        raise AssertionError(f"nobody has {key}")

    def masters(self):
        return [node for node in self.running()
                if node.info("replication")["role"] == "master"]

    @property
    def url(self):
        return "redis+cluster://" + ",".join(
            node.address for node in self.nodes[:self.MASTERS])


class Sentinel(RedisServer):
    """One of RedisSentinels."""

    def start(self):
        # It writes into its configuration.
        configuration = self.data / "sentinel.conf"
        if not configuration.exists():
            configuration.write_text("\n".join(self.options) + "\n")
        self.launch(
            ["redis-sentinel", configuration, "--port", self.port, "--bind",
             "127.0.0.1", "--dir", self.data], self.ready,
            executable=SERVER, preexec_fn=end_with_parent)


class RedisSentinels(Servers):
    """A master called `mymaster`, one replica, and three that watch them; a
    master that is gone for `down_after` ms is replaced."""

    MASTER = "mymaster"

    def __init__(self, folder, *options, name="sentinels", down_after=1000):
        super().__init__()
        try:
            first = RedisServer(folder, *options, name=f"{name}-0")
            self.nodes.append(first)
            self.nodes.append(RedisServer(
                folder, "--replicaof", f"127.0.0.1 {first.port}",
                "--repl-diskless-sync-delay", "0", *options,
                name=f"{name}-1"))
            self.sentinels = []
            for number in range(3):
                sentinel = Sentinel(
                    folder,
                    f"sentinel monitor {self.MASTER} 127.0.0.1 {first.port} 2",
                    f"sentinel down-after-milliseconds {self.MASTER} "
                    f"{down_after}",
                    f"sentinel failover-timeout {self.MASTER} 5000",
                    name=f"{name}-sentinel-{number}")
                self.sentinels.append(sentinel)
                self.nodes.append(sentinel)
            wait_for(self.agreed, "sentinels to know each other", 60)
        except BaseException:
            self.stop()
            raise

    def agreed(self):
        for sentinel in self.sentinels:
            fields = sentinel.run("SENTINEL", "MASTER", self.MASTER)
            known = dict(zip(fields[::2], fields[1::2]))
            if (known[b"num-other-sentinels"], known[b"num-slaves"]) != (
                    b"2", b"1"):
                return False
        return self.nodes[1].info("replication")["master_link_status"] == "up"

    def master(self):
        """Whom the first sentinel that answers names."""
        for sentinel in self.sentinels:
            with contextlib.suppress(OSError):
                _, port = sentinel.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME",
                                       self.MASTER)
                return next(node for node in self.nodes
                            if node.port == int(port))
        raise AssertionError("no sentinel answers")

    def replica(self):
        master = self.master()
        return next(node for node in self.nodes[:2] if node is not master)

    @property
    def url(self):
        return "redis+sentinel://" + ",".join(
            sentinel.address for sentinel in self.sentinels
        ) + "/" + self.MASTER


class FakeRedis:
    """Answers every command with what `answer(arguments)` returns, bytes as
    they go over the wire: for what no server says on demand."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.talk, args=(connection,),
                             daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError, ValueError), connection, (
                connection.makefile("rb")) as wire:
            while line := wire.readline():
                arguments = []
                for _ in range(int(line[1:])):
                    size = int(wire.readline()[1:])
                    arguments.append(wire.read(size + 2)[:-2])
                connection.sendall(self.answer(arguments))
