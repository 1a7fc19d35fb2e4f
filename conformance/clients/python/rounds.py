"""Rounds of the Python client (package kubernetes, dynamic client) against a hello.zeng.dev server.

    rounds.py --server URL [--token T] [--ca FILE] [--namespace NS]

Prints a line per round and exits with 1 if one failed. RESTART in the environment is a command that
restarts the server, for the round that goes across a restart.
"""
import argparse
import base64
import os
import random
import subprocess
import sys
import threading
import time
import traceback
import warnings

from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError
from urllib3.exceptions import HTTPError

GROUP = "hello.zeng.dev"
TIMEOUT_SECONDS = 30
MERGE, JSON, STRATEGIC, APPLY = (
    "application/merge-patch+json", "application/json-patch+json",
    "application/strategic-merge-patch+json", "application/apply-patch+yaml",
)


class Env:
    def __init__(self, options):
        config = client.Configuration()
        config.host = options.server
        config.verify_ssl = bool(options.ca)
        config.ssl_ca_cert = options.ca
        config.retries = False
        if options.token:
            config.api_key = {"authorization": "Bearer " + options.token}
        self.namespace = options.namespace
        self.dynamic = DynamicClient(client.ApiClient(config))

    def foos(self, version="v2"):
        return self.dynamic.resources.get(api_version=f"{GROUP}/{version}", kind="Foo")

    def create(self, body, version="v2"):
        return self.foos(version).create(body=body, namespace=self.namespace)

    def get(self, name, version="v2"):
        return self.foos(version).get(name=name, namespace=self.namespace)

    def list(self, **options):
        return self.foos().get(namespace=self.namespace, **options)

    def patch(self, name, body, content_type, **options):
        return self.foos().patch(name=name, namespace=self.namespace, body=body, content_type=content_type, **options)

    def clear(self):
        # The client wants a selector for a delete of many, so this one selects all.
        self.foos().delete(namespace=self.namespace, field_selector="metadata.namespace=" + self.namespace)


def foo_v1(name, msg="hello"):
    return {"apiVersion": GROUP + "/v1", "kind": "Foo", "metadata": {"name": name}, "spec": {"msg": msg}}


def foo_v2(name, image="nginx", labels=None):
    return {"apiVersion": GROUP + "/v2", "kind": "Foo", "metadata": {"name": name, "labels": labels or {}},
            "spec": {"image": image, "config": {"msg": "hello"}}}


def create_many(env, count):
    for i in range(count):
        env.create(foo_v2(f"f{i}", labels={"parity": "odd" if i % 2 else "even"}))


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: want {want!r}, got {got!r}")


def refused(code, reason, call):
    try:
        call()
    except DynamicApiError as error:
        expect("code", error.status, code)
        if f'"reason":"{reason}"' not in str(error.body).replace('": "', '":"'):
            raise AssertionError(f"want reason {reason}, got {error.body}") from error
        return
    raise AssertionError(f"want {code} {reason}, got success")


def discovery(env):
    foos = env.foos("v1")
    expect("name, namespaced, short names", (foos.name, foos.namespaced, foos.short_names), ("foos", True, ["fo"]))
    expect("subresources of v2", sorted(env.foos("v2").subresources), ["base64", "config", "status"])
    preferred = [found.group_version for found in env.dynamic.resources.search(group=GROUP, kind="Foo") if found.preferred]
    expect("preferred", preferred, [GROUP + "/v2"])


def create(env):
    old = env.create(foo_v1("old"), "v1")
    expect("image of a v1 foo", old.metadata.annotations["spec.image"], "busybox:1.36")
    env.create(foo_v2("new"))
    as_new, as_old = env.get("old"), env.get("new", "v1")
    expect("v1 read as v2", (as_new.spec.image, as_new.spec.config.msg, as_new.status.phase), ("busybox:1.36", "hello", "Processing"))
    expect("v2 read as v1", (as_old.spec.msg, as_old.metadata.annotations["spec.image"]), ("hello", "nginx"))


def page(env):
    create_many(env, 7)
    sizes, names, token = [], [], None
    while True:
        answer = env.list(limit=3, **({"_continue": token} if token else {}))
        sizes.append(len(answer.items))
        names += [item.metadata.name for item in answer.items]
        token = answer.metadata["continue"]
        if not token or len(sizes) > 7:
            break
    expect("page sizes", sizes, [3, 3, 1])
    expect("names", names, [f"f{i}" for i in range(7)])


def select(env):
    create_many(env, 4)
    for selector, want in (("parity=even", 2), ("parity!=even", 2), ("parity in (odd)", 2), ("!parity", 0), ("parity", 4)):
        expect(selector, len(env.list(label_selector=selector).items), want)
    expect("by name", len(env.list(field_selector="metadata.name=f2").items), 1)


def watch(env):
    revision = env.list().metadata.resourceVersion
    seen, refusal = [], []

    def follow():
        try:
            for event in env.foos().watch(namespace=env.namespace, resource_version=revision, timeout=TIMEOUT_SECONDS, label_selector="parity=even"):
                seen.append(event["type"])
                if len(seen) == 3:
                    break
        except Exception as error:  # raised below, where it fails the round
            refusal.append(error)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    create_many(env, 2)
    env.patch("f0", {"spec": {"image": "x"}}, MERGE)
    env.patch("f0", {"metadata": {"labels": {"parity": "odd"}}}, MERGE)
    follower.join(TIMEOUT_SECONDS)
    if refusal:
        raise refusal[0]
    expect("events", seen, ["ADDED", "MODIFIED", "DELETED"])


def update(env):
    first = env.create(foo_v2("a")).to_dict()
    second = {**first, "spec": {**first["spec"], "image": "redis"}}
    stored = env.foos().replace(body=second, namespace=env.namespace)
    expect("image", stored.spec.image, "redis")
    refused(409, "Conflict", lambda: env.foos().replace(body=first, namespace=env.namespace))


def patch(env):
    env.create(foo_v2("a"))
    expect("merge", env.patch("a", {"spec": {"image": "merge"}}, MERGE).spec.image, "merge")
    steps = [{"op": "test", "path": "/spec/image", "value": "merge"}, {"op": "replace", "path": "/spec/image", "value": "json"}]
    expect("json", env.patch("a", steps, JSON).spec.image, "json")
    expect("strategic", env.patch("a", {"spec": {"image": "strategic"}}, STRATEGIC).spec.image, "strategic")


def apply(env):
    def once(image, manager, force=False):
        return env.foos().server_side_apply(
            body=foo_v2("a", image), name="a", namespace=env.namespace, field_manager=manager, force_conflicts=force)
    once("nginx", "one")
    refused(409, "Conflict", lambda: once("redis", "two"))
    forced = once("redis", "two", True)
    expect("image", forced.spec.image, "redis")
    expect("managers", sorted(entry.manager for entry in forced.metadata.managedFields), ["one", "two"])


def subresources(env):
    foo = env.create(foo_v2("a")).to_dict()
    foo["status"] = {"phase": "Ready"}
    expect("phase", env.foos().status.replace(body=foo, name="a", namespace=env.namespace).status.phase, "Ready")
    config = env.foos().config.patch(body={"spec": {"msg": "changed"}}, name="a", namespace=env.namespace, content_type=MERGE)
    expect("config", (config.kind, config.spec.msg), ("Config", "changed"))
    body = {"apiVersion": "transformation.zeng.dev/v1beta1", "kind": "Base64", "spec": {"fieldPath": "spec.image"}}
    encoded = env.foos().base64.create(body=body, name="a", namespace=env.namespace)
    expect("base64", base64.b64decode(encoded.status.output), b'"nginx"')


def delete(env):
    create_many(env, 3)
    env.foos().delete(name="f0", namespace=env.namespace)
    refused(404, "NotFound", lambda: env.foos().delete(name="f0", namespace=env.namespace))
    wrong = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "other"}}
    refused(409, "Conflict", lambda: env.foos().delete(name="f1", namespace=env.namespace, body=wrong))
    env.clear()
    expect("left", len(env.list().items), 0)


def errors(env):
    refused(404, "NotFound", lambda: env.get("none"))
    refused(422, "Invalid", lambda: env.create(foo_v2("bad", image="")))
    env.create(foo_v2("a"))
    refused(409, "AlreadyExists", lambda: env.create(foo_v2("a")))
    refused(400, "BadRequest", lambda: env.list(field_selector="spec.image=x"))


class Following(threading.Thread):
    """Follows the foos as a controller does: after an interruption from where it was, or from a new list."""

    def __init__(self, env):
        super().__init__(daemon=True)
        self.env, self.seen, self.failed, self.stopped = env, [], None, threading.Event()
        self.revision = env.list().metadata.resourceVersion

    def run(self):
        while not self.stopped.is_set():
            try:
                self.follow()
            except (HTTPError, OSError):
                time.sleep(0.2)
            except DynamicApiError as error:
                if error.status in (429, 500, 503):
                    time.sleep(0.2)
                    continue
                self.failed = error
                return

    def follow(self):
        for event in self.env.foos().watch(namespace=self.env.namespace, resource_version=self.revision, timeout=5):
            meta = event["raw_object"]["metadata"]
            self.revision = meta["resourceVersion"]
            self.seen.append((event["type"], meta["name"], int(self.revision)))
            if self.stopped.is_set():
                return

    def has_seen(self, count):
        until = time.monotonic() + TIMEOUT_SECONDS
        while len(self.seen) < count and not self.failed and time.monotonic() < until:
            time.sleep(0.05)


def across_a_restart(env):
    create_many(env, 2)
    follower = Following(env)
    follower.start()
    env.patch("f0", {"spec": {"image": "before"}}, MERGE)
    follower.has_seen(1)
    subprocess.run(["sh", "-c", os.environ["RESTART"]], check=True)
    env.patch("f0", {"spec": {"image": "after"}}, MERGE)
    env.foos().delete(name="f1", namespace=env.namespace)
    env.create(foo_v2("f2"))
    follower.has_seen(4)
    follower.stopped.set()
    if follower.failed:
        raise follower.failed
    expect("events", [event[:2] for event in follower.seen],
           [("MODIFIED", "f0"), ("MODIFIED", "f0"), ("DELETED", "f1"), ("ADDED", "f2")])
    revisions = [event[2] for event in follower.seen]
    expect("the order of revisions", revisions, sorted(set(revisions)))


ROUNDS = (discovery, create, page, select, watch, update, patch, apply, subresources, delete, errors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--token")
    parser.add_argument("--ca", help="none: the server's certificate is not verified")
    parser.add_argument("--namespace", default=f"client-python-{random.randrange(16**5):05x}")
    options = parser.parse_args()
    if not options.ca:
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    env, failed, rounds = Env(options), 0, ROUNDS
    if os.environ.get("RESTART"):
        rounds += (across_a_restart,)
    else:
        print("skip python across_a_restart: RESTART names no command that restarts the server")
    for one in rounds:
        try:
            env.clear()
            one(env)
            print(f"ok   python {one.__name__}")
        except Exception as error:  # a round may fail in any way, and the others still run
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.filename == __file__), "?")
            print(f"FAIL python {one.__name__} (line {line}): {type(error).__name__}: {error}")
    env.clear()
    if failed:
        print(f"python: {failed} rounds failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
