#!/usr/bin/env python3
"""Compares the OpenAPI documents of two servers, or of a server and a folder of kept ones.

    compare.py --want URL|FOLDER --got URL [--token T] [--ca FILE] [--rules FILE]

Each document is taken apart into rows, a place and its value: what is shared is put where it is
referred to, and what has no order is sorted. A difference that is meant has a rule in
differences.txt beside this file; a rule that covers nothing is a failure too.
Only the standard library is used.
"""
import argparse
import json
import os
import re
import sys

from documents import source

HERE = os.path.dirname(os.path.abspath(__file__))
VALUE_CHARS_SHOWN = 160
METHODS = ("get", "put", "post", "delete", "patch")
# Lists in which the order means nothing.
SETS = ("required", "consumes", "produces", "schemes", "x-kubernetes-group-version-kind")


def flat(document):
    """The rows of a document."""
    shared = document.get("parameters", {})
    rows = {}
    for key, value in document.items():
        if key == "paths":
            for path, item in value.items():
                walk(f"paths[{path}]", with_parameters(item, shared), rows)
        elif key != "parameters":
            walk(key, value, rows)
    return rows


def with_parameters(item, shared):
    """A path whose operations have all their parameters, by place and name."""
    common = item.get("parameters", [])
    out = {}
    for method, operation in item.items():
        if method in METHODS:
            own = common + operation.get("parameters", [])
            own = [shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in own]
            named = {f"{p['in']} {p['name']}": p for p in own}
            operation = {**operation, "parameters": named} if named else operation
        elif method == "parameters":
            continue
        out[method] = operation
    return out


def walk(place, value, rows):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            walk(f"{place}.{key}" if place else key, inner, rows)
    elif isinstance(value, list) and value:
        if place.rsplit(".", 1)[-1] in SETS:
            value = sorted(value, key=lambda one: json.dumps(one, sort_keys=True))
        for index, inner in enumerate(value):
            walk(f"{place}[{index}]", inner, rows)
    else:
        rows[place] = json.dumps(value)


class Rules:
    """Differences that are meant: DOCUMENT :: DIFFERENCE :: REASON, or rename :: OLD :: NEW :: REASON."""

    def __init__(self, path):
        self.covers, self.renames, self.used = [], [], set()
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                line = line.strip()
                if not line or line.startswith("#"):
                    continue
                parts = [part.strip() for part in line.split(" :: ")]
                if parts[0] == "rename" and len(parts) == 4:
                    self.renames.append((parts[1], parts[2]))
                elif len(parts) == 3 and parts[2]:
                    self.covers.append((line, re.compile(parts[0]), re.compile(parts[1])))
                else:
                    sys.exit(f"{path}:{number}: want DOCUMENT :: DIFFERENCE :: REASON")

    def rename(self, document):
        text = json.dumps(document)
        for old, new in self.renames:
            text = text.replace(old, new)
        return json.loads(text)

    def left(self, document, difference):
        """Whether no rule covers the difference."""
        covering = [line for line, place, row in self.covers
                    if place.search(document) and row.search(difference)]
        self.used.update(covering)
        return not covering

    def unused(self):
        return [line for line, _, _ in self.covers if line not in self.used]


def differences(want, got):
    for place in sorted(want.keys() | got.keys()):
        if place not in got:
            yield f"{place}: missing, want {short(want[place])}"
        elif place not in want:
            yield f"{place}: unexpected {short(got[place])}"
        elif want[place] != got[place]:
            yield f"{place}: want {short(want[place])}, got {short(got[place])}"


def short(text):
    return text if len(text) <= VALUE_CHARS_SHOWN else text[:VALUE_CHARS_SHOWN] + "…"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--want", required=True)
    parser.add_argument("--got", required=True)
    parser.add_argument("--token")
    parser.add_argument("--ca")
    parser.add_argument("--rules", default=os.path.join(HERE, "differences.txt"))
    options = parser.parse_args()
    rules = Rules(options.rules)
    want = source(options.want).documents()
    got = source(options.got, options.token, options.ca).documents()
    rows, left = 0, 0
    # A folder may keep a few of them; a server that lacks one has lost it.
    more = got.keys() if "://" in options.want else set()
    for name in sorted(want.keys() | more):
        one, other = (rules.rename(side.get(name, {})) for side in (want, got))
        wanted = flat(one)
        rows += len(wanted)
        for difference in differences(wanted, flat(other)):
            if rules.left(name, difference):
                left += 1
                print(f"{name}: {difference}")
    unused = rules.unused()
    for line in unused:
        print(f"no longer a difference: {line}")
    print(f"{len(want)} documents, {rows} rows compared: {left} differences that are not meant")
    return 1 if left or unused or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
