"""Made-up patches of the four kinds, good and bad."""
from values import (ANNOTATIONS, FINALIZERS, GROUP, LABELS, MANAGED, MANAGERS, OWNERS, STATUSES, WRONG)


class Patches:
    """What a sequence does to make a patch; the rest of it brings the values."""

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
