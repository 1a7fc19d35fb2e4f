"""Bodies of made-up requests: objects, made wrong in places, in every format."""
import copy
import json

from values import (ANNOTATIONS, CONTENT_TYPES, FINALIZERS, GROUP, LABELS, MANAGED, OWNERS, PROTOBUF, SCALARS, STATUSES, TEXTS,
                    WRONG)
from wire import DAMAGES


class Bodies:
    """What a sequence does to make a body; it brings the chance and the references."""

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
                # A copy, for what is put in may be spoilt in its turn.
                holder[key] = copy.deepcopy(self.random.choice(WRONG))
            elif isinstance(holder, dict) and how == "extra":
                holder[self.pick("extra", "another", "status", "x y", "")] = copy.deepcopy(self.random.choice(WRONG))
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
            return self.pick(json.dumps(body), yaml(body), self.odd_yaml(body))
        if self.chance(0.07):
            headers["Content-Type"] = PROTOBUF
            return {"$protobuf": body, "damage": self.pick(*DAMAGES) if self.chance(0.35) else None}
        return body

    def odd_yaml(self, body):
        """YAML with a scalar in it that YAML may read in its own way, or a layout that is not plain."""
        marked = copy.deepcopy(body)
        leaves = []

        def walk(value):
            for key, item in value.items():
                if isinstance(item, dict) and item:
                    walk(item)
                else:
                    leaves.append((value, key))
        walk(marked)
        if leaves and self.chance(0.75):
            holder, key = self.random.choice(leaves)
            holder[key] = "MARK"
            return yaml(marked).replace("MARK", self.random.choice(SCALARS))
        text = yaml(body)
        return self.pick("---\n" + text, text + "\n---\n" + text, "# first\n" + text + "\n...\n", text.replace("\n", "\r\n"),
                         text.replace("  ", "\t"), "%YAML 1.1\n---\n" + text, "\ufeff" + text, text + "\n" + text,
                         "x: &x {a: b}\ny: *x\n" + text, "x: &x {a: b}\ny:\n  <<: *x\n" + text, text + "\n1: x", text + "\ntrue: x",
                         text + "\n? a\n: b", text + "\n" + text.split("\n")[0], text + "\n:", "--- " + json.dumps(body),
                         text + "\n[]: x", text.replace(": ", ":  "), text.replace(":", " :"), text + "\nnull: x", text + "\n\"\": x")

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
