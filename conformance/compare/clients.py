"""What clients do in several writes: read and write back, apply against each other, delete and let go, own one another."""
import json

from values import GROUP, MANAGERS, OWNER, PATCH_TYPES


class Clients:
    """Writes that follow from one another; the rest of a sequence brings the values."""

    def write_back(self):
        """The object as it was answered before, with a change or without one, as `kubectl edit` and controllers do."""
        name = self.name()
        if not self.written.get(name):
            return self.create()
        step = self.written[name][-1] if self.chance(0.8) else self.random.choice(self.written[name])
        changes = {}
        if self.chance(0.75):
            pointer, values = self.pick(
                ("/metadata/labels", ({"app": "db"}, None, {})), ("/metadata/finalizers", (["example.com/hold"], None, [])),
                ("/metadata/managedFields", ([], None, [{}])), ("/metadata/resourceVersion", ("", None, "1")),
                ("/metadata/uid", ("", None, "x")), ("/metadata/annotations", ({"note": "2"}, None)),
                ("/metadata/deletionTimestamp", (None, "2001-01-01T00:00:00Z")), ("/metadata/deletionGracePeriodSeconds", (None, 0, 7)),
                ("/metadata/creationTimestamp", (None,)), ("/metadata/generateName", ("gen-",)), ("/status/phase", ("Ready", "Odd")),
                ("/status", (None, {})), ("/spec/msg", ("changed",)), ("/spec/image", ("changed", "")), ("/spec", (None, {})),
                ("/metadata/ownerReferences", ([self.owner(name)], [self.owner("a"), self.owner("b")], None)))
            changes[pointer] = self.random.choice(values)
        version, part = self.version(), self.pick("", "", "", "/status")
        if self.chance(0.8):
            changes["/apiVersion"] = f"{GROUP}/{version}"
        self.add("PUT", self.object_path(name, version) + part, self.write_options(), self.accept(),
                 {"$answer": step, "set": changes}, name)

    def owner(self, name):
        """An owner that is, or was, an object of the sequence."""
        step = self.written.get(name, ["s01"])[-1]
        more = self.pick({}, {}, {"controller": True}, {"blockOwnerDeletion": True}, {"controller": True, "blockOwnerDeletion": False})
        return {**OWNER, "apiVersion": f"{GROUP}/v2", "kind": "Foo", "name": name, "uid": f"${{{step}:.metadata.uid}}", **more}

    def dependent(self):
        """An object that another one owns, and perhaps the deletion of its owner."""
        name, of = self.pick("b", "c"), "a"
        body = {"apiVersion": f"{GROUP}/v2", "kind": "Foo", "metadata": {"name": name, "ownerReferences": [self.owner(of)]},
                "spec": self.spec("v2")}
        self.add("POST", self.collection("v2"), [], None, body, name)
        if self.chance(0.7):
            query, headers, options = self.delete_options(of)
            self.add("DELETE", self.object_path(of), query, headers, options, of)

    def rivals(self):
        """Two managers apply the same object one after the other; the first may leave out what it had."""
        name, version, part = self.name(), self.version(), self.pick("", "", "", "/status")
        for manager in self.random.sample(MANAGERS, 2) * self.pick(1, 1, 2):
            query = [("fieldManager", manager)]
            if self.chance(0.4):
                query.append(("force", self.pick("true", "true", "false")))
            if self.chance(0.1):
                query.append(("dryRun", "All"))
            body = {"apiVersion": f"{GROUP}/{version}", "kind": "Foo", "metadata": self.metadata(name), "spec": self.spec(version)}
            if self.chance(0.4):
                self.drop_some(body["spec"])
            if part:
                body["status"] = {"phase": self.pick("Ready", "Odd"), "conditions": [
                    {"type": kind, "status": self.pick("True", "False")} for kind in self.random.sample(("Worker", "Config"), self.pick(1, 2))]}
            self.add("PATCH", self.object_path(name, version) + part, query, {"Content-Type": PATCH_TYPES["apply"]}, json.dumps(body), name)

    def let_go(self):
        """An object with finalizers is deleted, written while it waits, and let go by one of the ways there are."""
        name = self.name()
        hold = {"metadata": {"finalizers": self.pick(["example.com/hold"], ["example.com/hold", "orphan"], ["foregroundDeletion"])}}
        merge = {"Content-Type": PATCH_TYPES["merge"]}
        self.add("PATCH", self.object_path(name), [], merge, hold, name)
        query, headers, options = self.delete_options(name)
        self.add("DELETE", self.object_path(name), query, headers, options, name)
        for _ in range(self.pick(0, 1, 2)):
            self.random.choice((self.create, self.patch, self.put, self.delete, self.write_back))()
        let_go = {"metadata": {"finalizers": self.pick(None, [], ["orphan"])}}
        how = self.pick("merge", "strategic", "json", "dry")
        if how == "json":
            patch = [{"op": "remove", "path": "/metadata/finalizers"}]
            self.add("PATCH", self.object_path(name), [], {"Content-Type": PATCH_TYPES["json"]}, patch, name)
        else:
            query = [("dryRun", "All")] if how == "dry" else []
            media_type = PATCH_TYPES["merge" if how == "dry" else how]
            self.add("PATCH", self.object_path(name), query, {"Content-Type": media_type}, let_go, name)

    def generated(self):
        """Objects whose names are made up."""
        for _ in range(self.pick(1, 2)):
            version = self.version()
            body = {"apiVersion": f"{GROUP}/{version}", "kind": "Foo", "spec": self.spec(version),
                    "metadata": {"generateName": self.prefix(self.pick("gen-", "gen-", "Gen_", "x" * 58, "-gen-", "gen.", ""))}}
            if self.chance(0.3):
                body["metadata"]["name"] = self.pick("a", "", None)
            self.add("POST", self.collection(version), self.write_options(), self.accept(), body)
