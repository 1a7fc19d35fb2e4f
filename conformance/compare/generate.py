"""Made-up sequences of requests over the whole API, valid and not.

A sequence is short and works on a few names in a namespace of its own, so that most requests meet
objects in interesting states. The same seed gives the same sequence. What a step needs of earlier
answers (resource versions, UIDs, continue tokens) it takes by reference.
"""
import copy
import json
import random

from bodies import Bodies, yaml
from clients import Clients
from patches import Patches
from values import *


class Sequence(Bodies, Clients, Patches):
    """One sequence in the making."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.steps = []
        self.written = {}   # name: ids of the steps that wrote it
        self.lists = []

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, *options):
        return self.random.choice(options)

    def add(self, method, path, query=(), headers=None, body=None, writes=None, live=False):
        pairs = [(key, value) for key, value in query if value is not None]
        if pairs:
            # References stay as they are; the rest is encoded.
            path += "?" + "&".join(
                f"{key}={value if value.startswith('${') else urllib.parse.quote(value, safe='@')}"
                for key, value in pairs)
        # What is added may select, and a watch that is open ends with an object that it must see.
        if self.chance(0.02) and not live:
            path += ("&" if "?" in path else "?") + self.random.choice(EXTRA_QUERY)
        step = {"id": f"s{len(self.steps) + 1:02}", "method": method, "path": path}
        if self.chance(0.06):
            headers = {**(headers or {}), **self.odd_headers()}
        if headers:
            step["headers"] = headers
        if body is not None:
            step["body"] = body
        self.steps.append(step)
        if writes:
            self.written.setdefault(writes, []).append(step["id"])
        return step["id"]

    # Values

    def version(self):
        return self.pick("v1", "v2", "v2")

    def name(self):
        return self.pick("a", "a", "a", "b", "c")

    def collection(self, version=None):
        return f"/apis/{GROUP}/{version or self.version()}/namespaces/@ns@/foos"

    def object_path(self, name, version=None):
        return f"{self.collection(version)}/{urllib.parse.quote(name, safe='')}"

    def resource_version(self, name):
        """A reference to a version of the object: mostly its newest."""
        ids = self.written.get(name)
        if not ids:
            return self.pick("", "0", "1", "x")
        step = ids[-1] if self.chance(0.75) else self.random.choice(ids)
        return f"${{{step}:.metadata.resourceVersion}}"

    def any_version(self):
        names = [name for name in self.written if self.written[name]]
        known = [f"${{{step}:.metadata.resourceVersion}}" for step in self.lists]
        known += [self.resource_version(name) for name in names]
        if known and self.chance(0.6):
            return self.random.choice(known)
        return self.pick("0", "0", "", "x", "-1", "99999999999", "1.5", "18446744073709551616", "00",
                         "9223372036854775808")

    # Options

    def accept(self):
        return {"Accept": self.random.choice(ACCEPTS)} if self.chance(0.12) else {}

    def odd_headers(self):
        return {**self.pick({"User-Agent": self.random.choice(AGENTS)}, {"User-Agent": self.random.choice(AGENTS)},
                            {"Accept-Encoding": self.pick("gzip", "gzip;q=0", "br", "*")}, {"If-None-Match": self.pick("*", '"x"')},
                            {"Content-Encoding": self.pick("gzip", "identity")}, {"If-Match": '"1"'},
                            {"X-HTTP-Method-Override": "DELETE"}, {"Origin": "https://x"})}

    def write_options(self):
        query = []
        if self.chance(0.12):
            query.append(("dryRun", self.pick("All", "All", "All", "Nope", "")))
        if self.chance(0.2):
            query.append(("fieldManager", self.pick(*MANAGERS, "", "x" * 129, "a\u0001b", "é")))
        if self.chance(0.25):
            query.append(("fieldValidation", self.pick("Strict", "Warn", "Ignore", "Nope", "", "strict")))
        return query + self.odd_options()

    def odd_options(self):
        query = []
        if self.chance(0.04):
            query.append(("pretty", self.pick("true", "false", "1", "x", "")))
        if self.chance(0.03):
            query.append(self.pick(("zzz", "1"), ("timeoutSeconds", "x"), ("timeoutSeconds", "5"),
                                   ("dryRun", "All"), ("force", "true"), ("force", "x"), ("limit", "x"),
                                   ("timeout", "5s"), ("timeout", "x"), ("timeout", "-1s"),
                                   ("watch", "false"), ("kind", "x"), ("apiVersion", "x")))
        return query

    # Steps

    def create(self):
        name, version, headers = self.name(), self.version(), self.accept()
        if self.chance(0.04):
            name = self.random.choice(BAD_NAMES)
        body = self.spoil(self.foo(name, version))
        if self.chance(0.03) and isinstance(body.get("metadata"), dict):
            body["metadata"].pop("name", None)
            body["metadata"]["generateName"] = self.prefix(self.pick("gen-", "Gen_", "x" * 50))
        path = self.collection(version)
        if self.chance(0.03):
            path = f"/apis/{GROUP}/{version}/foos"
        self.add("POST", path, self.write_options(), headers, self.document(body, headers), name)

    def prefix(self, text):
        """A prefix of generated names that no other step has, so that lists are in one order."""
        return f"n{len(self.steps)}-{text}" if text else text

    def everywhere(self, path):
        """Sometimes the collection of all namespaces instead, in which others left objects."""
        if not self.chance(0.06):
            return path, []
        return path.replace("/namespaces/@ns@", ""), [("fieldSelector", "metadata.namespace=@ns@")]

    def get(self):
        name = self.name() if self.chance(0.97) else self.random.choice(BAD_NAMES)
        part = self.pick("", "", "", "/status", "/config", "/base64", "/nope") if self.chance(0.3) else ""
        query = self.odd_options()
        if self.chance(0.15):
            query.append(("resourceVersion", self.any_version()))
        if self.chance(0.1):
            query.append(("includeObject", self.pick("None", "Metadata", "Object", "Nope", "")))
        headers = {"Accept": self.random.choice(ACCEPTS)} if self.chance(0.3) else {}
        self.add("GET", self.object_path(name) + part, query, headers)

    def selection(self):
        query = []
        if self.chance(0.3):
            query.append(("labelSelector", self.random.choice(SELECTORS[:8] if self.chance(0.4) else SELECTORS)))
        if self.chance(0.2):
            query.append(("fieldSelector", self.random.choice(FIELDS[:4] if self.chance(0.4) else FIELDS)))
        return query

    def list(self):
        query = self.odd_options() + self.selection()
        if self.chance(0.4):
            query.append(("limit", self.pick("1", "1", "2", "3", "0", "-1", "x", "500", "")))
        if self.chance(0.3):
            query.append(("resourceVersion", self.any_version()))
        if self.chance(0.2):
            query.append(("resourceVersionMatch", self.pick("Exact", "NotOlderThan", "Nope", "")))
        if self.lists and self.chance(0.25):
            query.append(("continue", f"${{{self.random.choice(self.lists)}:.metadata.continue}}"))
        elif self.chance(0.03):
            query.append(("continue", self.pick("AAAA", "x", "", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ")))
        if self.chance(0.1):
            query.append(("includeObject", self.pick("None", "Metadata", "Object", "Nope", "")))
        if self.chance(0.03):
            query.append(("sendInitialEvents", self.pick("true", "false", "x")))
        if self.chance(0.03):
            query.append(("allowWatchBookmarks", self.pick("true", "x")))
        headers = {"Accept": self.random.choice(ACCEPTS)} if self.chance(0.25) else {}
        path, only = self.everywhere(self.collection())
        self.lists.append(self.add("GET", path, query + only, headers))

    def live_watch(self):
        """A watch that is open while the next steps are made; the runner ends it with an object that it selects."""
        query = [("watch", "true")]
        if self.chance(0.5):
            query.append(("labelSelector", self.pick("app=web", "tier", "app in (web,db)", "app!=db", "app=web,tier=front")))
        if self.chance(0.15):
            query.append(("fieldSelector", self.pick("metadata.namespace=@ns@", "metadata.name!=a")))
        how = self.random.randrange(4)
        if how == 0:
            query += [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan"), ("allowWatchBookmarks", "true")]
        elif how == 1 and self.lists:
            query.append(("resourceVersion", f"${{{self.lists[-1]}:.metadata.resourceVersion}}"))
        elif how == 2:
            query.append(("resourceVersion", "0"))
        headers = {"Accept": self.pick(*ACCEPTS[:2], PROTOBUF, "application/json")} if self.chance(0.4) else None
        self.add("GET", self.collection(), query, headers, live=True)
        self.steps[-1]["live"] = True

    def watch(self):
        query = [("watch", self.pick("true", "1", "true", "")), ("timeoutSeconds", "1")] + self.selection()
        if self.chance(0.8):
            query.append(("resourceVersion", self.any_version()))
        if self.chance(0.2):
            query.append(("resourceVersionMatch", self.pick("NotOlderThan", "Exact", "Nope")))
        if self.chance(0.25):
            query.append(("sendInitialEvents", self.pick("true", "true", "false", "x")))
        if self.chance(0.2):
            query.append(("allowWatchBookmarks", self.pick("true", "false")))
        if self.chance(0.1):
            query.append(("limit", "1"))
        if self.chance(0.05):
            query.append(("continue", "AAAA"))
        if self.chance(0.1):
            query.append(("includeObject", self.pick("None", "Metadata", "Object", "Nope")))
        path = self.collection()
        if self.chance(0.1):
            path = path.replace("/namespaces", "/watch/namespaces")
        if self.chance(0.1):
            path += "/" + self.name()
        headers = {"Accept": self.random.choice(ACCEPTS)} if self.chance(0.2) else {}
        self.add("GET", path, query, headers)

    def put(self):
        name, version, headers = self.name(), self.version(), self.accept()
        part = self.pick("/status", "/config", "/base64") if self.chance(0.3) else ""
        body = self.config(name) if part == "/config" else self.foo(name, version)
        if part == "/status" and self.chance(0.8):
            body["status"] = self.random.choice(STATUSES)
        if self.chance(0.85):
            body["metadata"]["resourceVersion"] = self.resource_version(name)
        if self.chance(0.08) and self.written.get(name):
            body["metadata"]["uid"] = f"${{{self.written[name][0]}:.metadata.uid}}"
        if self.chance(0.04):
            body["metadata"]["name"] = self.pick("b", "", None, "zzz")
        body = self.spoil(body)
        if part == "/config":
            version = "v2" if self.chance(0.9) else "v1"
        self.add("PUT", self.object_path(name, version) + part, self.write_options(), headers,
                 self.document(body, headers), name)

    def patch(self):
        kind = self.pick("json", "merge", "strategic", "apply")
        name, version = self.name(), self.version()
        part = self.pick("/status", "/status", "/config", "/base64") if self.chance(0.3) else ""
        headers = {"Content-Type": PATCH_TYPES[kind], **self.accept()}
        query = self.write_options()
        if kind == "apply":
            body = self.apply_body(name, version, part, query)
        elif kind == "json":
            body = self.json_patch(version, part)
        else:
            body = self.merge_patch(version, part, kind)
        if self.chance(0.04):
            body = self.random.choice(TEXTS)
        if self.chance(0.03):
            headers["Content-Type"] = self.pick("application/json", "nonsense", "", PATCH_TYPES["merge"] + ";x=y",
                                                "application/merge-patch+json; charset=utf-8",
                                                "application/apply-patch+cbor", "application/yaml")
        if kind == "apply" and not isinstance(body, str):
            body = json.dumps(body) if self.chance(0.7) else yaml(body)
        self.add("PATCH", self.object_path(name, version) + part, query, headers, body, name)

    def delete_options(self, name):
        query, body = self.odd_options(), None
        if self.chance(0.15):
            query.append(("dryRun", self.pick("All", "Nope")))
        if self.chance(0.2):
            query.append(("propagationPolicy", self.random.choice(POLICIES)))
        if self.chance(0.08):
            query.append(("orphanDependents", self.pick("true", "false", "x")))
        if self.chance(0.1):
            query.append(("gracePeriodSeconds", self.pick("0", "30", "-1", "x", "")))
        if self.chance(0.04):
            query.append(self.pick(("preconditions.uid", "x"), ("preconditions", "x"),
                                   ("ignoreStoreReadErrorWithClusterBreakingPotential", "true")))
        headers = self.accept()
        if self.chance(0.35):
            body = {"apiVersion": "v1", "kind": "DeleteOptions"}
            if self.chance(0.3):
                body["apiVersion"] = self.pick("v1", "meta.k8s.io/v1", GROUP + "/v2", GROUP + "/v1", "", "nope/v1")
            if self.chance(0.3):
                body["propagationPolicy"] = self.random.choice(POLICIES)
            if self.chance(0.15):
                body["orphanDependents"] = self.pick(True, False, None)
            if self.chance(0.3):
                body["preconditions"] = self.random.choice([
                    {"uid": "x"}, {"uid": f"${{{self.written.get(name, ['s01'])[0]}:.metadata.uid}}"},
                    {"resourceVersion": self.resource_version(name)}, {"resourceVersion": "1"}, {}, None,
                    {"uid": "x", "resourceVersion": "1"}, {"uid": ""}, {"extra": 1}])
            if self.chance(0.15):
                body["gracePeriodSeconds"] = self.pick(0, 30, -1, None)
            if self.chance(0.1):
                body["dryRun"] = self.pick(["All"], ["Nope"], [], ["All", "All"], "All")
            body = self.document(self.spoil(body, 0.15), headers)
        return query, headers, body

    def delete(self):
        name = self.name()
        part = self.pick("/status", "/config", "/base64") if self.chance(0.05) else ""
        query, headers, body = self.delete_options(name)
        self.add("DELETE", self.object_path(name) + part, query, headers, body, name)

    def delete_collection(self):
        query, headers, body = self.delete_options("a")
        query += self.selection()
        if self.chance(0.15):
            query.append(("limit", self.pick("1", "2", "x")))
        if self.chance(0.1):
            query.append(("resourceVersion", self.any_version()))
        if self.chance(0.08):
            query.append(("resourceVersionMatch", self.pick("Exact", "NotOlderThan", "Nope")))
        if self.chance(0.05):
            query.append(("continue", "AAAA"))
        self.add("DELETE", self.collection(), query, headers, body)

    def base64(self):
        name, headers = self.name(), self.accept()
        body = {"apiVersion": "transformation.zeng.dev/v1beta1", "kind": "Base64",
                "metadata": self.random.choice([{}, {}, {"name": name}, {"name": "other"}, {"namespace": "other"},
                                                {"name": name, "labels": {"a": "b"}}, None,
                                                {"generateName": "x"}, {"managedFields": [ENTRY]}]),
                "spec": self.random.choice([{}, {"fieldPath": self.pick(
                    "spec", "spec.config", "spec.config.msg", ".", "", "nope", "spec.nope", "metadata",
                    "spec.", ".spec", "metadata.name", "metadata.labels", "metadata.managedFields",
                    "spec.image.x", "{.spec}", "spec[0]", "kind", "status", "metadata.labels.app")}])}
        body = self.spoil(body, 0.15)
        self.add(self.pick("POST", "POST", "POST", "POST", "PUT", "GET", "DELETE"),
                 self.object_path(name) + "/base64", self.write_options(), headers,
                 self.document(body, headers))

    def document_of_api(self):
        path = self.random.choice(DOCUMENTS)
        headers = {"Accept": self.random.choice(DOCUMENT_ACCEPTS)} if self.chance(0.7) else {}
        method = self.pick("GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "OPTIONS")
        step = self.add(method, path, self.odd_options(), headers)
        if self.chance(0.4):
            etag = self.pick("${%s:@etag}" % step, "${%s:@etag}" % step, 'W/"x"', "*", '"x", ${%s:@etag}' % step)
            self.add("GET", path, [], {**headers, "If-None-Match": etag})

    def odd(self):
        paths = [self.object_path("a"), self.collection(), self.object_path("a") + "/status",
                 self.object_path("a") + "/nope", f"/apis/{GROUP}/v2/foos/a", f"/apis/{GROUP}/v2/bars",
                 f"/apis/{GROUP}/v2/namespaces/@ns@/bars/a", f"/apis/{GROUP}/v2/namespaces/@ns@",
                 f"/apis/{GROUP}/v2/namespaces", self.collection() + "/", self.object_path("a") + "/",
                 f"/apis/{GROUP}/v3/namespaces/@ns@/foos", self.object_path("a") + "/status/x",
                 f"/apis/{GROUP}/v2/watch/foos/a", f"/apis/{GROUP}/v2//foos", "/apis/nope/v1/foos",
                 f"/apis/{GROUP}/v2/namespaces//foos", f"/apis/{GROUP}", f"/apis/{GROUP}/v2", "/apis",
                 self.object_path("a") + "/config", self.object_path("a") + "/base64",
                 f"/apis/{GROUP}/v2/", f"/apis/{GROUP}/", "/apis/"]
        headers = self.accept()
        body = None if self.chance(0.5) else self.foo("a", "v2")
        method = self.pick("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "FOO")
        if method in ("HEAD", "OPTIONS", "GET"):
            body = None
        if method == "PATCH":
            headers["Content-Type"] = self.random.choice(list(PATCH_TYPES.values()))
        self.add(method, self.random.choice(paths), [], headers, body)

    def make(self):
        choices = [(self.create, 22), (self.get, 12), (self.list, 16), (self.put, 15), (self.patch, 26),
                   (self.delete, 9), (self.delete_collection, 3), (self.base64, 3), (self.odd, 3),
                   (self.document_of_api, 2), (self.write_back, 12), (self.rivals, 5), (self.let_go, 4), (self.dependent, 3),
                   (self.generated, 2)]
        if self.chance(WATCHING):
            choices.append((self.watch, 15))
        if self.chance(0.85):
            for name in self.random.sample(NAMES, self.random.randint(1, 3)):
                version = self.version()
                body = {"apiVersion": f"{GROUP}/{version}", "kind": "Foo", "metadata": {"name": name},
                        "spec": self.spec(version)}
                if self.chance(0.5):
                    body["metadata"]["labels"] = self.random.choice(LABELS[:3])
                self.add("POST", self.collection(version), [], None, body, name)
        if self.chance(LIVE):
            self.live_watch()
        steps, weights = zip(*choices)
        for _ in range(self.random.randint(*STEPS)):
            self.random.choices(steps, weights)[0]()
        # What is left in the end shows what no answer did.
        self.add("GET", self.collection("v2"))
        return self.steps


def sequence(seed):
    """The steps of the sequence of a seed."""
    return Sequence(seed).make()
