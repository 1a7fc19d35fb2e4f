"""What differs between any two runs, taken out of answers before they are compared.

The rules are those by which the recorded transcripts are compared: UIDs and resource versions
become numbered tokens in order of first appearance, so that "the same as before" and "changed"
are still compared; times, ages, continue tokens and generated suffixes become placeholders;
managedFields and the causes of apply conflicts are put in one order.
"""
import base64
import json
import os
import re

import wire

KEPT_HEADERS = ("content-type", "warning", "retry-after", "allow", "content-encoding", "vary",
                "cache-control", "location", "etag", "last-modified", "audit-id", "x-content-type-options",
                "accept-ranges", "www-authenticate")
# Of these only the presence is compared, and whether an ETag is one that was seen before.
OWN_HEADERS = ("last-modified", "audit-id")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
AGE = re.compile(r"^(\d+[smhdy])+$|^<unknown>$|^<invalid>$")
# A message that quotes the internals of Go is not compared.
LOOSE = re.compile(
    r"Go struct|Go value|json:|yaml:|invalid character|unexpected end of JSON|\(\*?\w+\.\w+\)"
    r"|%!s|cannot restore struct from|proto: \w+: (?:illegal tag|wiretype end)|in scheme \"|strconv|\[\]string|AdditionalErrorMsg|Invalid value: \"\{")
# What a server says about itself.
OWN = ("serverAddress", "gitVersion", "goVersion", "platform", "gitCommit", "buildDate",
       "compiler", "gitTreeState")
# The versions that two servers have reached differ.
REACHED = re.compile(r"(too large resource version: .*, current: )\d+|(too old resource version: .*\()\d+\)", re.I)
SHOWN_BEFORE = 60
SHOWN_CHARACTERS = 300


def parse(raw, content_type=""):
    """A body as JSON, as a list of JSON where it is a stream, as what its protocol buffers say, else as text."""
    if content_type.startswith(wire.MEDIA_TYPE):
        return wire.parse(raw, content_type)
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError:
        return text


# Managed fields in YAML: their heading, and the items at the same indentation.
OWNERS = re.compile(r"(?m)^( *)managedFields:\n((?:\1(?:- |  ).*\n)+)")


def in_one_order(match):
    margin, items = match.group(1), match.group(2)
    items = re.split(rf"(?m)^(?={margin}- )", items)
    return f"{margin}managedFields:\n" + "".join(sorted(items))


class Normal:
    """The tokens of one sequence and side."""

    def __init__(self):
        self.tokens = {}

    def token(self, kind, value):
        names = self.tokens.setdefault(kind, {})
        return names.setdefault(value, f"<{kind}:{len(names) + 1}>")

    def text(self, text):
        text = re.sub(r"\b((?:n\d+-)?(?:gen-|-gen-|gen\.|Gen_|Bad_|x{50,58}))[a-z0-9]{5}\b", r"\1<random>", text)
        text = re.sub(r"\bcontinue: \S+", "continue: <continue>", text)
        text = TIME.sub("<time>", UUID.sub(lambda m: self.token("uid", m.group(0)), text))
        for version, name in sorted(self.tokens.get("rv", {}).items(), key=lambda kv: -len(kv[0])):
            # A short number may be anything, unless it stands alone in parentheses.
            around = r"(?<![\w.<:])%s(?![\w.>])(?!: Not Acceptable)" if len(version) >= 2 else r"(?<=\()%s(?=\))"
            text = re.sub(around % re.escape(version), name, text)
        return REACHED.sub(lambda m: (m.group(1) or m.group(2)) + "<reached>", text)

    def document(self, text):
        """A body that is no JSON: YAML, of which the versions and ages show in the text."""
        text = re.sub(r'(?<=resourceVersion: ")\d+(?=")', lambda m: self.token("rv", m.group()), text)
        text = re.sub(r"(?m)^( *(?:serverAddress|output): ).*", r"\1<own>", text)
        text = re.sub(r"(?m)^( *- )(?:\d+[smhdy])+$", r"\1<age>", text)
        text = OWNERS.sub(in_one_order, text)
        return self.text(re.sub(r"(?m)^( *continue: ).*(?:\n +[\w=-]+)*$", r"\1<continue>", text))

    def header(self, name, value):
        if value is None or name not in OWN_HEADERS + ("etag",):
            return value
        return self.token("etag", value) if name == "etag" else f"<{name}>"

    def body(self, value):
        """A whole answer."""
        return self.document(value) if isinstance(value, str) else self.value(value)

    def value(self, value, key=None):
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            return self.list(value, key)
        if isinstance(value, str):
            return self.string(value, key)
        return value

    def object(self, value):
        # The keys of managed fields may hold UIDs.
        keys = {key: self.text(key) if UUID.search(key) else key for key in value}
        out = {keys[key]: self.value(value[key], key) for key in sorted(value)}
        meta = value.get("metadata")
        if isinstance(meta, dict) and meta.get("generateName"):
            base = meta["generateName"]
            if isinstance(base, str) and str(meta.get("name", "")).startswith(base):
                out["metadata"]["name"] = base + "<random>"
        return out

    def list(self, value, key):
        if key == "managedFields":
            # Their order depends on the second in which each was written.
            items = (self.value(item) for item in value)
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        if key == "causes":
            # The conflicts of several managers come in no fixed order.
            def place(cause):
                # Labels and annotations are checked in no fixed order either.
                if not isinstance(cause, dict):
                    return (True, "")
                conflict = cause.get("reason") == "FieldManagerConflict"
                unordered = cause.get("field") in ("metadata.labels", "metadata.annotations")
                text = json.dumps(cause, sort_keys=True)
                return (False, text) if conflict else (True, text if unordered else "")
            return sorted((self.value(item) for item in value), key=place)
        if key == "cells":
            return ["<age>" if isinstance(item, str) and AGE.match(item) else self.value(item)
                    for item in value]
        return [self.value(item) for item in value]

    def string(self, value, key):
        if key == "resourceVersion" and value not in ("", "0"):
            return self.token("rv", value)
        if key == "message" and value.startswith("Apply failed with"):
            head, *rows = self.text(value).split("\n")
            return "\n".join([head.split(":")[0]] + sorted(rows)) if rows else self.text(value)
        if key == "message" and re.search(r"is invalid: \[.*metadata\.(labels|annotations)", value):
            return " ".join(sorted(re.sub(r"[\[\],]", " ", self.text(value)).split()))
        if key == "message" and "errors:\n" in value:
            # Go walks a map in no fixed order.
            head, *rows = self.text(value).split("\n")
            return "\n".join([head] + sorted(rows))
        if key == "continue" and value:
            return "<continue>"
        if key == "output":
            return self.output(value)
        if key == "raw":
            return self.raw(value)
        return "<server>" if key in OWN else self.text(value)

    def raw(self, value):
        """A message that is not taken apart: what the action base64 answers stands in it as text."""
        text = bytes.fromhex(value).decode("latin-1")
        for found in re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text):
            # The length before it may look as if it belonged to it.
            for inner in (found, found[1:]):
                if isinstance(self.output(inner), list):
                    text = text.replace(inner, json.dumps(self.output(inner)))
                    break
        return text

    def output(self, value):
        """What the action base64 answers, where it can be read: it may hold UIDs and times."""
        try:
            text = base64.b64decode(value, validate=True)
            return ["decoded", text.endswith(b"\n"), self.value(json.loads(text))]
        except ValueError:
            return value


def is_loose(body):
    """Whether a body's message quotes Go."""
    if isinstance(body, str):
        return "kind: Status\n" in body and bool(LOOSE.search(body.replace("\n", " ")))
    return isinstance(body, dict) and bool(LOOSE.search(str(body.get("message"))))


def wordless(value):
    """The value without its messages."""
    if isinstance(value, str):
        return re.sub(r"(?m)^( *(?:- )?)message: .*\n(?:\1 +.*\n|\n)*", r"\1message\n", value)
    if isinstance(value, dict):
        return {key: wordless(item) for key, item in value.items() if key != "message"}
    return [wordless(item) for item in value] if isinstance(value, list) else value


class Row(str):
    """A difference as a line: whole for the rules, `short` for people."""

    def __new__(cls, at, want, got):
        row = super().__new__(cls, f"{at}: want {text_of(want)}, got {text_of(got)}")
        row.short = cls.shortened(at, want, got)
        return row

    @staticmethod
    def shortened(at, want, got):
        if isinstance(want, str) and isinstance(got, str):
            # Of long texts that begin alike only what differs is worth a line.
            begin = max(len(os.path.commonprefix([want, got])) - SHOWN_BEFORE, 0)
            want, got = want[begin:], got[begin:]
        return f"{at}: want {short(want)}, got {short(got)}"


class Nothing:
    """Stands where a value is missing."""


def text_of(value):
    return "nothing" if value is Nothing else json.dumps(value, ensure_ascii=False)


def difference(want, got, at="body"):
    """The places where two values differ, a line each."""
    if type(want) is not type(got):
        return [Row(at, want, got)]
    if isinstance(want, dict):
        rows = []
        for key in sorted(set(want) | set(got)):
            if key in got and key in want:
                rows += difference(want[key], got[key], f"{at}.{key}")
            else:
                rows.append(Row(f"{at}.{key}", want.get(key, Nothing), got.get(key, Nothing)))
        return rows
    if isinstance(want, list):
        rows = [] if len(want) == len(got) else [Row(f"{at} items", len(want), len(got))]
        for index, (one, other) in enumerate(zip(want, got)):
            rows += difference(one, other, f"{at}[{index}]")
        return rows
    return [] if want == got else [Row(at, want, got)]


def short(value):
    text = text_of(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
