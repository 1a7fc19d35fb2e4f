"""Made-up sequences of requests over the whole API, valid and not.

A sequence is short and works on a few names in a namespace of its own, so that most requests meet
objects in interesting states. The same seed gives the same sequence. What a step needs of earlier
answers (resource versions, UIDs, continue tokens) it takes by reference.
"""
import copy
import json
import random
import urllib.parse

GROUP = "hello.zeng.dev"
NAMES = ("a", "b", "c")
BAD_NAMES = ("Bad_Name", "a..b", "x" * 260, "-a", "a/b", "é", ".", "..", "a%b")
MANAGERS = ("one", "two", "kubectl")
STEPS = (3, 12)
WATCHING = 0.12
LABELS = ({"app": "web"}, {"app": "db", "tier": "back"}, {"tier": "front"}, {}, None,
          {"app": ""}, {"bad key!": "x"}, {"app": "bad value!"}, {"a/b/c": "x"}, {"app": None},
          {"/x": "y"}, {"example.com/": "y"}, {"Example.com/x": "y"}, {"app": "x" * 64},
          {"app": 1}, {"app": ["x"]}, {"app": True}, "x", ["x"])
ANNOTATIONS = ({"note": "1"}, {"spec.image": "redis:7"}, {"bad key!": "x"}, {"note": ""}, {}, None,
               {"note": 1}, {"Big.Example/x": "y"}, {"spec.image": ""}, "x", {"a": "x" * 300})
FINALIZERS = (["example.com/hold"], ["example.com/hold", "example.com/more"], [], None, ["bad"],
              ["foregroundDeletion"], ["orphan"], ["orphan", "foregroundDeletion"], ["Bad/_x!"],
              [""], [1], "x", ["example.com/hold", "example.com/hold"], [None])
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1234"}
OWNERS = ([OWNER], [], None, [{}], [{**OWNER, "uid": ""}], [{**OWNER, "controller": True}],
          [{**OWNER, "controller": True}, {**OWNER, "uid": "5", "controller": True}],
          [{**OWNER, "name": ""}], [{**OWNER, "kind": ""}], [{**OWNER, "apiVersion": "a/b/c"}],
          [{**OWNER, "apiVersion": ""}], [OWNER, OWNER], [{**OWNER, "extra": 1}], "x",
          [{"apiVersion": "v1", "kind": "Event", "name": "p", "uid": "1"}],
          [{**OWNER, "blockOwnerDeletion": True}], [{**OWNER, "controller": "yes"}], [None])
ENTRY = {"manager": "m", "operation": "Update", "apiVersion": GROUP + "/v2",
         "time": "2024-01-01T00:00:00Z", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:spec": {"f:image": {}}}}
MANAGED = ([], None, [{}], [ENTRY], [{**ENTRY, "operation": "Nope"}], [{**ENTRY, "fieldsType": "X"}],
           [{**ENTRY, "fieldsV1": {"x:y": {}}}], [{**ENTRY, "operation": "Apply"}],
           [{**ENTRY, "manager": "x" * 200}], [{**ENTRY, "manager": "a\u0001"}], "x",
           [{**ENTRY, "subresource": "status"}], [{**ENTRY, "apiVersion": "nope/v1"}],
           [{**ENTRY, "time": "yesterday"}], [{**ENTRY, "fieldsV1": None}],
           [{**ENTRY, "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}}}}}],
           [{**ENTRY, "fieldsV1": {"f:spec": {"f:nope": {}}}}])
STATUSES = ({"phase": "Ready"}, {"phase": "Processing"}, {"phase": "Odd"}, {"phase": ""}, {},
            {"conditions": [{"type": "Worker", "status": "True"}]},
            {"phase": "Ready", "conditions": [{"type": "Worker", "status": "True"},
                                              {"type": "Config", "status": "False"}]},
            {"conditions": [{"type": "Worker", "status": "Nope"}]}, {"conditions": []},
            {"conditions": None}, {"conditions": [{}]}, {"conditions": "x"}, None,
            {"conditions": [{"type": "Worker", "status": "True"},
                            {"type": "Worker", "status": "False"}]},
            {"phase": 1}, {"extra": 1}, {"conditions": [{"type": "Worker"}]},
            {"conditions": [None]}, {"conditions": [{"type": "Worker", "status": "True", "x": 1}]})
WRONG = (None, 1, -1, 1.5, "", "x", True, False, [], {}, ["x"], {"x": 1}, [None], 10 ** 20, "null",
         "é\u2028<&>", "a\nb")
SELECTORS = ("app=web", "app!=web", "app in (web,db)", "app notin (db)", "tier", "!tier",
             "app=web,tier=front", "app==db", "app=", "app in ()", "app in (", "app===", "a b",
             "", ",", "app=web,", "bad key!=x", "app>1", "app<x", "app gt 1", "app=bad!value",
             "app in (web", "!", "=web", "app exists", "(app)", "app in (web,,db)", "a/b/c=x",
             "example.com/x=y", "app = web", " app ", "app!=", "app=" + "x" * 64, "notin=in",
             "app=web app=db", "app in(web)", "app notin(web),tier", "!app=web", "app,!app",
             "app>=1", "app=\u00e9", "in", "app in web", "app in (web))", "x notin ()")
FIELDS = ("metadata.name=a", "metadata.name!=a", "metadata.namespace=@ns@", "metadata.namespace=x",
          "metadata.name=a,metadata.name=b", "spec.image=x", "metadata.name", "", ",", "a=b",
          "metadata.name==a", "metadata.name=", "metadata.name=a\\,b", "metadata.name=a\\x",
          "metadata.name!=a,metadata.namespace=@ns@", "metadata.uid=1", "=a", "metadata.name=a=b",
          "metadata.name in (a)", "status.phase=Ready", "metadata.name=a\\", " metadata.name=a",
          "metadata.name!=", "metadata.labels.app=web", "!metadata.name", "metadata.name=a,")
ACCEPTS = ("application/json;as=Table;v=v1;g=meta.k8s.io",
           "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
           "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
           "application/yaml", "application/yaml;as=Table;v=v1;g=meta.k8s.io",
           "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
           "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
           "application/json;as=Table;v=v1alpha1;g=meta.k8s.io, application/json",
           "application/json;as=Nope;v=v1;g=meta.k8s.io", "application/json;as=Table",
           "application/json;as=Table;v=v1;g=meta.k8s.io;", "text/html", "text/html,*/*;q=0.1",
           "*/*", "application/*", "nonsense", "", "application/json;q=0", "application/json; q=0.5",
           "application/xml,application/yaml;q=0.2,application/json;q=0.9", "application/json;",
           "application/json;stream=watch", "application/json;pretty=1", "APPLICATION/JSON",
           "application/json, */*", "application/json;charset=utf-8", "text/plain", ",",
           "application/vnd.nope, application/json", "application/json;as=;v=;g=",
           "application/yaml, application/json;as=Table;v=v1;g=meta.k8s.io",
           "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io",
           "application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io",
           "application/cbor", "*/json", "application/json;profile=x", "application/json;v=v1")
PATCH_TYPES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
               "strategic": "application/strategic-merge-patch+json",
               "apply": "application/apply-patch+yaml"}
CONTENT_TYPES = ("application/json", "application/yaml", "text/plain", "", "application/json; charset=utf-8",
                 "nonsense", "application/xml", "application/JSON", "application/x-www-form-urlencoded",
                 "application/json-patch+json", "*/*", "application/json;", "application/json,application/yaml")
TEXTS = ("", "{", "[]", "null", "1", "\"x\"", "{}", "{not json", "a: b: c", "- 1", "not: [valid",
         "{\"kind\":\"Foo\"}", "{\"apiVersion\":1}", "{\"kind\":\"Foo\",\"apiVersion\":\"" + GROUP + "/v2\"}",
         "{}{}", "{\"a\":1,}", "true", "\ufeff{}", "{\"metadata\":{\"name\":\"a\"}} x", "# only",
         "---\n{}\n---\n{}", "kind: Foo\nkind: Foo\n")
POLICIES = ("Foreground", "Background", "Orphan", "Nope", "")


class Sequence:
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

    def add(self, method, path, query=(), headers=None, body=None, writes=None):
        pairs = [(key, value) for key, value in query if value is not None]
        if pairs:
            # References stay as they are; the rest is encoded.
            path += "?" + "&".join(
                f"{key}={value if value.startswith('${') else urllib.parse.quote(value, safe='@')}"
                for key, value in pairs)
        step = {"id": f"s{len(self.steps) + 1:02}", "method": method, "path": path}
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

    def metadata(self, name):
        meta = {"name": name}
        if self.chance(0.3):
            meta["labels"] = self.random.choice(LABELS[:3] if self.chance(0.6) else LABELS)
        if self.chance(0.15):
            meta["annotations"] = self.random.choice(ANNOTATIONS[:2] if self.chance(0.5) else ANNOTATIONS)
        if self.chance(0.15):
            meta["finalizers"] = self.random.choice(FINALIZERS[:2] if self.chance(0.5) else FINALIZERS)
        if self.chance(0.08):
            meta["ownerReferences"] = self.random.choice(OWNERS)
        if self.chance(0.08):
            meta["managedFields"] = self.random.choice(MANAGED)
        if self.chance(0.12):
            key, values = self.pick(
                ("generateName", ("gen-", "Gen_", "", 1, None)),
                ("deletionTimestamp", ("2001-01-01T00:00:00Z", None, "x", "", 1)),
                ("creationTimestamp", ("2001-01-01T00:00:00Z", None, "x", 5)),
                ("deletionGracePeriodSeconds", (0, 30, -1, "x")),
                ("generation", (7, -1, 1.5, "x", None)),
                ("selfLink", ("/x", 1)), ("namespace", ("@ns@", "other", "", None, 1, "Bad_")),
                ("uid", ("11111111-2222-3333-4444-555555555555", "x", "", None, 1)),
                ("clusterName", ("x",)), ("zzz", (1, None)), ("name", (None, "", 1)))
            meta[key] = self.random.choice(values)
        return meta

    def spec(self, version):
        msg, msg1 = self.pick("hello", "hi", "a\nb", "é", "yes"), self.pick("world", "x")
        config = {"msg": msg, "msg1": msg1} if self.chance(0.8) else {"msg": msg}
        if version == "v1":
            return config
        return {"image": self.pick("nginx:1.25", "nginx:1.26", "redis"), "config": config}

    def foo(self, name, version):
        body = {"apiVersion": f"{GROUP}/{version}", "kind": "Foo", "metadata": self.metadata(name),
                "spec": self.spec(version)}
        if self.chance(0.15):
            body["status"] = self.random.choice(STATUSES)
        return body

    def config(self, name):
        return {"apiVersion": f"{GROUP}/v2", "kind": "Config", "metadata": {"name": name},
                "spec": {"msg": self.pick("hello", "hi", ""), "msg1": self.pick("x", "")}}

    def spoil(self, body, probability=0.25):
        """Makes a body wrong somewhere."""
        body = copy.deepcopy(body)
        while self.chance(probability):
            places = []

            def walk(value):
                if isinstance(value, dict):
                    places.extend((value, key) for key in value)
                    for item in value.values():
                        walk(item)
                elif isinstance(value, list):
                    places.extend((value, index) for index in range(len(value)))
                    for item in value:
                        walk(item)
            walk(body)
            if not places:
                return body
            holder, key = self.random.choice(places)
            how = self.pick("drop", "wrong", "wrong", "extra", "case", "kind")
            if how == "kind":
                which = self.pick("kind", "apiVersion")
                body[which] = self.pick("Bar", "Foo", "", None, GROUP + "/v1", GROUP + "/v2", "v1",
                                        GROUP + "/v9", "other/v1", "a/b/c", 1, "Config", "FooList",
                                        "DeleteOptions", "Base64")
            elif how == "drop":
                del holder[key]
            elif how == "wrong":
                holder[key] = self.random.choice(WRONG)
            elif isinstance(holder, dict) and how == "extra":
                holder[self.pick("extra", "another", "status", "x y", "")] = self.random.choice(WRONG)
            elif isinstance(holder, dict) and isinstance(key, str) and key:
                holder[self.pick(key.capitalize(), key.upper())] = holder.pop(key)
        return body

    def document(self, body, headers):
        """A body as the step has it: JSON, JSON text with a repeated field, or YAML."""
        if self.chance(0.05):
            headers["Content-Type"] = self.random.choice(CONTENT_TYPES)
            return self.pick(json.dumps(body), self.random.choice(TEXTS))
        if self.chance(0.03):
            headers["Content-Type"] = self.pick("application/json", "application/yaml")
            return self.random.choice(TEXTS)
        if self.chance(0.05):
            headers["Content-Type"] = "application/json"
            return self.repeated(body)
        if self.chance(0.1):
            headers["Content-Type"] = "application/yaml"
            return self.pick(json.dumps(body), yaml(body))
        return body

    def repeated(self, body):
        """JSON in which a field occurs twice."""
        holders = []

        def walk(value):
            if isinstance(value, dict) and value:
                holders.append(value)
                for item in value.values():
                    walk(item)
        walk(body)
        target = self.random.choice(holders) if holders else None

        def text(value):
            if isinstance(value, dict):
                rows = [f"{json.dumps(key)}:{text(item)}" for key, item in value.items()]
                if value is target:
                    rows.append(self.random.choice(rows))
                return "{" + ",".join(rows) + "}"
            if isinstance(value, list):
                return "[" + ",".join(text(item) for item in value) + "]"
            return json.dumps(value)
        return text(body)

    # Options

    def accept(self):
        return {"Accept": self.random.choice(ACCEPTS)} if self.chance(0.12) else {}

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
            body["metadata"]["generateName"] = self.pick("gen-", "Gen_", "x" * 50)
        path = self.collection(version)
        if self.chance(0.03):
            path = f"/apis/{GROUP}/{version}/foos"
        self.add("POST", path, self.write_options(), headers, self.document(body, headers), name)

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
        self.lists.append(self.add("GET", self.collection(), query, headers))

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

    def apply_body(self, name, version, part, query):
        if self.chance(0.93) and not any(key == "fieldManager" for key, _ in query):
            query.append(("fieldManager", self.random.choice(MANAGERS)))
        if self.chance(0.3):
            query.append(("force", self.pick("true", "true", "false", "x")))
        body = {"apiVersion": f"{GROUP}/{version}", "kind": "Foo", "metadata": self.metadata(name)}
        if part == "/config":
            body = self.config(name)
        elif part == "/status":
            body["status"] = self.random.choice(STATUSES)
        else:
            body["spec"] = self.spec(version)
            if self.chance(0.4):
                self.drop_some(body["spec"])
            if self.chance(0.1):
                body["status"] = self.random.choice(STATUSES)
        if self.chance(0.05):
            body["metadata"]["resourceVersion"] = self.resource_version(name)
        return self.spoil(body, 0.15)

    def drop_some(self, value):
        for key in list(value):
            if isinstance(value[key], dict):
                self.drop_some(value[key])
            if self.chance(0.35):
                del value[key]

    def json_patch(self, version, part):
        pointers = ["/metadata/labels", "/metadata/labels/app", "/metadata/annotations", "/metadata/annotations/n",
                    "/metadata/finalizers", "/metadata/finalizers/0", "/metadata/finalizers/-", "/spec",
                    "/metadata/name", "/metadata/resourceVersion", "/kind", "/apiVersion", "", "/", "/nope/x",
                    "/metadata/managedFields", "/metadata/uid", "/spec/extra", "x", "/metadata/finalizers/9",
                    "/metadata/labels/a~1b", "/metadata/labels/a~0b", "/metadata/annotations/~2", "/metadata"]
        pointers += ["/spec/msg", "/spec/msg1"] if version == "v1" or part == "/config" else \
            ["/spec/image", "/spec/config/msg", "/spec/config", "/spec/config/msg1"]
        if part == "/status":
            pointers += ["/status", "/status/phase", "/status/conditions", "/status/conditions/0",
                         "/status/conditions/-", "/status/conditions/0/status"] * 2
        values = ["x", "hello", {"app": "web"}, ["example.com/hold"], 1, None, "", "Ready", {"msg": "hi"},
                  [{"type": "Worker", "status": "True"}], {"type": "Config", "status": "True"}]
        patch = []
        for _ in range(self.random.randint(0, 3) if self.chance(0.3) else 1):
            op = {"op": self.pick("add", "add", "replace", "remove", "test", "copy", "move", "nope"),
                  "path": self.random.choice(pointers)}
            if op["op"] in ("copy", "move") or self.chance(0.03):
                op["from"] = self.random.choice(pointers)
            if op["op"] in ("add", "replace", "test", "nope") and self.chance(0.96):
                op["value"] = self.random.choice(values)
            if self.chance(0.05):
                self.random.choice([lambda: op.pop("path"), lambda: op.pop("op"),
                                    lambda: op.update(path=1), lambda: op.update(op=None),
                                    lambda: op.update(extra=1)])()
            patch.append(op)
        return patch if self.chance(0.96) else self.pick({}, patch[0] if patch else 1, [1], [None], "x")

    def merge_patch(self, version, part, kind):
        patch = {}
        if self.chance(0.5):
            patch["metadata"] = self.random.choice([
                {"labels": self.random.choice(LABELS)}, {"annotations": self.random.choice(ANNOTATIONS)},
                {"finalizers": self.random.choice(FINALIZERS)}, {"ownerReferences": self.random.choice(OWNERS)},
                {"managedFields": self.random.choice(MANAGED)}, {"name": self.pick("b", None, "", 1)},
                {"namespace": self.pick("other", None, "")}, {"uid": self.pick("x", None, "")},
                {"resourceVersion": self.resource_version("a")}, {"labels": {"app": None}},
                {"resourceVersion": self.pick(None, "", "0", "1", "x", 1)}, {"generation": self.pick(9, None)},
                {"creationTimestamp": self.pick("2001-01-01T00:00:00Z", None, "x")},
                {"deletionTimestamp": self.pick("2001-01-01T00:00:00Z", None)}, {}, None, "x",
                {"generateName": "x-"}, {"selfLink": "/x"}, {"deletionGracePeriodSeconds": 5}])
        if self.chance(0.5):
            spec = self.spec(version)
            self.drop_some(spec)
            if self.chance(0.15):
                spec[self.pick("msg", "msg1", "image", "config", "extra")] = self.random.choice(WRONG)
            patch["spec"] = spec if self.chance(0.95) else self.random.choice(WRONG)
        if part == "/status" or self.chance(0.1):
            patch["status"] = self.random.choice(STATUSES)
        if self.chance(0.05):
            patch[self.pick("kind", "apiVersion", "extra", "status")] = self.random.choice(
                WRONG + (GROUP + "/v1", GROUP + "/v2", "Foo", "Bar"))
        if kind == "strategic" and self.chance(0.4):
            self.directive(patch)
        return patch

    def directive(self, patch):
        worker = {"type": "Worker", "status": self.pick("True", "False")}
        how = self.random.randrange(12)
        status, meta = {}, {}
        if how == 0:
            status = {"conditions": [{"$patch": "delete", "type": "Worker"}]}
        elif how == 1:
            status = {"conditions": [{"$patch": "replace"}, worker]}
        elif how == 2:
            status = {"$setElementOrder/conditions": [{"type": "Config"}, {"type": "Worker"}],
                      "conditions": [worker]}
        elif how == 3:
            status = {"$retainKeys": ["phase"], "phase": "Ready"}
        elif how == 4:
            status = {"$patch": self.pick("replace", "delete", "merge", "nope"), "phase": "Odd"}
        elif how == 5:
            status = {"conditions": [{"$patch": self.pick("nope", "merge", 1), "type": "Worker"}]}
        elif how == 6:
            meta = {"$deleteFromPrimitiveList/finalizers": ["example.com/hold"]}
        elif how == 7:
            meta = {"$setElementOrder/finalizers": ["example.com/more", "example.com/hold"],
                    "finalizers": ["example.com/more"]}
        elif how == 8:
            meta = {"labels": {"$patch": self.pick("replace", "delete"), "app": "db"}}
        elif how == 9:
            meta = {"ownerReferences": [{"$patch": "delete", "uid": "1234"}]}
        elif how == 10:
            patch["$patch"] = self.pick("replace", "delete", "merge", "nope")
        else:
            patch["spec"] = {"$retainKeys": ["image"], "image": "kept"}
        if status:
            patch["status"] = status
        if meta:
            patch["metadata"] = meta

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
                   (self.delete, 9), (self.delete_collection, 3), (self.base64, 3), (self.odd, 3)]
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
        steps, weights = zip(*choices)
        for _ in range(self.random.randint(*STEPS)):
            self.random.choices(steps, weights)[0]()
        return self.steps


def sequence(seed):
    """The steps of the sequence of a seed."""
    return Sequence(seed).make()


def yaml(value, indent=0):
    """A value as YAML in blocks, as a person would write it."""
    margin = "  " * indent
    if isinstance(value, dict) and value:
        rows = []
        for key, item in value.items():
            key = key if key.isidentifier() else json.dumps(key)
            nested = isinstance(item, (dict, list)) and item
            rows.append(f"{margin}{key}:" + ("\n" + yaml(item, indent + 1) if nested else " " + yaml(item)))
        return "\n".join(rows)
    if isinstance(value, list) and value:
        return "\n".join(f"{margin}- {json.dumps(item)}" for item in value)
    if isinstance(value, str) and value.isalpha() and value.isascii() and value not in ("yes", "null"):
        return value
    return json.dumps(value)
