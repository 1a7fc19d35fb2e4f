"""The two servers that are compared: started fresh, and ended by their own process ids."""
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import wire
from normal import KEPT_HEADERS

READY_SECONDS = 60
# To the end of an answer, however it trickles: the Go server takes 34 s at most for what is no watch.
ANSWER_SECONDS = 40
END_SECONDS = 10
SETTLE_SECONDS = 0.02
READ_BYTES = 65536
# The object that ends the watches of a sequence that are open.
LAST_NAME = "zz-last"
REPEATED = re.compile(r"@([^@]+?)\*(\d+)@")


def body_of(step):
    """The bytes of a step's body, and the headers that say what they are."""
    body = step.get("body")
    if body is None:
        return None, {}
    if isinstance(body, dict) and "$protobuf" in body:
        return wire.body(body["$protobuf"], body.get("damage")), {}
    headers = {}
    if not isinstance(body, str):
        body, headers = json.dumps(body), {"Content-Type": "application/json"}
    return REPEATED.sub(lambda match: match.group(1) * int(match.group(2)), body).encode(), headers


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """One server with what belongs to it; a connection is kept from step to step."""

    def __init__(self, name):
        self.name = name
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix=f"compare-{name}-")
        self.processes = []
        self.connection = None
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def run(self, *command):
        with open(os.path.join(self.folder, f"log{len(self.processes)}"), "wb") as log:
            # A group of its own: Ctrl-C comes to this program alone, which then ends them.
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
        self.processes.append(process)

    def wait_ready(self):
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            for index, process in enumerate(self.processes):
                if process.poll() is not None:
                    with open(os.path.join(self.folder, f"log{index}"), encoding="utf-8",
                              errors="replace") as log:
                        raise RuntimeError(f"{self.name} has ended:\n{log.read()[-2000:]}")
            try:
                if self.send({"method": "GET", "path": "/readyz"})[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} is not ready after {READY_SECONDS} s")

    def send(self, step):
        """Sends a step; status, kept headers and body come back, or the name of what went wrong."""
        try:
            return self.sent(step)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, {}, b""

    def sent(self, step):
        body, headers = body_of(step)
        if "resourceVersion=" in step["path"]:
            # A read that takes what is at hand may miss the last write; both servers say so.
            time.sleep(SETTLE_SECONDS)
        headers.update({name: text_of(value) for name, value in (step.get("headers") or {}).items()})
        for last in (False, True):
            fresh = self.connection is None
            if fresh:
                self.connection = self.connect()
            try:
                with Limit(self.connection):
                    self.connection.request(step["method"], step["path"], body, headers)
                    response = self.connection.getresponse()
                    raw = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may have been closed by the server in the meantime.
                if last or fresh or isinstance(error, TimeoutError):
                    raise
        if response.will_close:
            self.close()
        if response.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return response.status, kept(response), raw

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS, context=self.context)

    def send_alone(self, step):
        """The same on a connection of its own."""
        other = Server.__new__(Server)
        other.port, other.context, other.connection = self.port, self.context, None
        try:
            return other.send(step)
        finally:
            other.close()

    def follow(self, step):
        """Opens a watch, which is read while other steps are sent."""
        time.sleep(SETTLE_SECONDS)
        return Follower(self.connect(), step)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def end(self):
        self.close()
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Limit:
    """Cuts a connection on which an answer takes too long: a timeout of a socket is for each read of it alone."""

    def __init__(self, connection):
        if connection.sock is None:
            connection.connect()
        # The answer takes the socket over where the server is to close it.
        self.socket, self.over = connection.sock, False
        self.timer = threading.Timer(ANSWER_SECONDS, self.cut)
        self.timer.daemon = True

    def cut(self):
        self.over = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()
        if self.over:
            raise TimeoutError(f"no whole answer after {ANSWER_SECONDS} s")


class Follower:
    """A watch that is open."""

    def __init__(self, connection, step):
        self.connection, self.failed = connection, None
        try:
            self.limit = Limit(connection)
            connection.request("GET", step["path"], None, step.get("headers") or {})
            self.response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.failed = type(error).__name__

    def end(self):
        """Reads to the object that ends it, or to the end of what is no watch."""
        if self.failed:
            return self.failed, {}, b""
        raw, last = b"", LAST_NAME.encode()
        try:
            with self.limit:
                while last not in raw:
                    more = self.response.read1(READ_BYTES)
                    if not more:
                        break
                    raw += more
        except (OSError, http.client.HTTPException) as error:
            raw += type(error).__name__.encode()
        self.connection.close()
        return self.response.status, kept(self.response), before(raw, last, self.response.headers)


def before(raw, last, headers):
    """The events before the last, which is not compared."""
    if last not in raw:
        return raw
    if not headers.get("Content-Type", "").startswith(wire.MEDIA_TYPE):
        return raw[:raw.rfind(b"\n", 0, raw.index(last)) + 1]
    at = 0
    while True:
        size = 4 + int.from_bytes(raw[at:at + 4], "big")
        if last in raw[at:at + size]:
            return raw[:at]
        at += size


def text_of(value):
    """A header's value: repetitions made, and as bytes where it is not ASCII."""
    return REPEATED.sub(lambda match: match.group(1) * int(match.group(2)), value).encode()


def kept(response):
    out = {name.lower(): value for name, value in response.getheaders() if name.lower() in KEPT_HEADERS}
    warnings = response.headers.get_all("Warning")
    if warnings:
        out["warning"] = sorted(warnings)
    return out


class Pair:
    """The Go server with its etcd, and ours."""

    def __init__(self, go, ours):
        self.go_program, self.ours_program = go, ours
        self.servers = []

    def __enter__(self):
        try:
            self.go = self.add("go")
            self.ours = self.add("ours")
            client = f"http://127.0.0.1:{free_port()}"
            peer = f"http://127.0.0.1:{free_port()}"
            self.go.run(
                os.path.join(os.path.dirname(self.go_program), "etcd"), "--data-dir", self.go.folder + "/etcd",
                "--log-level", "error", "--unsafe-no-fsync",
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", "default=" + peer)
            self.go.run(
                self.go_program, "--bind-address", "127.0.0.1",
                "--secure-port", str(self.go.port), "--cert-dir", self.go.folder + "/certificates",
                "--enable-etcd-storage", "--etcd-servers", client)
            self.ours.run(
                self.ours_program, "--bind-address", "127.0.0.1",
                "--secure-port", str(self.ours.port), "--data-dir", self.ours.folder + "/data",
                "--insecure-allow-all")
            self.go.wait_ready()
            self.ours.wait_ready()
            return self
        except BaseException:
            self.__exit__()
            raise

    def add(self, name):
        server = Server(name)
        self.servers.append(server)
        return server

    def __exit__(self, *_):
        for server in self.servers:
            server.end()
        self.servers = []
