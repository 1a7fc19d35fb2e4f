"""The two servers that are compared: started fresh, and ended by their own process ids."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

from normal import KEPT_HEADERS

READY_SECONDS = 60
ANSWER_SECONDS = 40
END_SECONDS = 10
SETTLE_SECONDS = 0.02


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
        """Sends a step; status, kept headers and body come back."""
        body, headers = step.get("body"), {}
        if "resourceVersion=" in step["path"]:
            # A read that takes what is at hand may miss the last write; both servers say so.
            time.sleep(SETTLE_SECONDS)
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        headers.update(step.get("headers") or {})
        body = body.encode() if body is not None else None
        for last in (False, True):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPSConnection(
                    "127.0.0.1", self.port, timeout=ANSWER_SECONDS, context=self.context)
            try:
                self.connection.request(step["method"], step["path"], body, headers)
                response = self.connection.getresponse()
                raw = response.read()
                break
            except (OSError, http.client.HTTPException):
                self.close()
                # A kept connection may have been closed by the server in the meantime.
                if last or fresh:
                    raise
        kept = {k.lower(): v for k, v in response.getheaders() if k.lower() in KEPT_HEADERS}
        warnings = response.headers.get_all("Warning")
        if warnings:
            kept["warning"] = sorted(warnings)
        if response.will_close:
            self.close()
        return response.status, kept, raw

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
