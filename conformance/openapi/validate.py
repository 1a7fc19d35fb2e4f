#!/usr/bin/env python3
"""Checks that the OpenAPI documents of a server are valid, and how they are served.

    validate.py --server URL [--token T] [--ca FILE]

Every document is given to openapi-spec-validator. Then what clients rely on is asked for: tags by
which a document is known again, addresses that change with the document and may be kept for good,
compression, and protocol buffers for Go clients.
"""
import argparse
import gzip
import sys

from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator

from documents import V2, Server

PROTOBUF = {
    V2: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "v3": "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
}
PROBLEMS_SHOWN = 5


class Report:
    def __init__(self):
        self.failed = 0

    def check(self, what, holds, detail=""):
        if not holds:
            self.failed += 1
            print(f"FAILED {what}: {detail}")


def valid(report, name, document):
    validator = OpenAPIV2SpecValidator if name == V2 else OpenAPIV30SpecValidator
    problems = list(validator(document).iter_errors())
    shown = "; ".join(f"{list(p.path)}: {p.message[:200]}" for p in problems[:PROBLEMS_SHOWN])
    report.check(f"{name} is valid", not problems, f"{len(problems)} problems: {shown}")


def served(report, server, path):
    """What holds for every document."""
    plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
    status, headers, body = server.get(path, plain)
    report.check(f"{path} is there", status == 200, status)
    tag = headers["ETag"] or ""
    quoted = tag.startswith('"') and tag.endswith('"') and len(tag) == 130
    report.check(f"{path} has a tag", quoted, tag)
    status, _, rest = server.get(path, {**plain, "If-None-Match": tag})
    report.check(f"{path} is known again", (status, rest) == (304, b""), (status, rest[:80]))
    status, headers, packed = server.get(path, {**plain, "Accept-Encoding": "gzip"})
    if headers["Content-Encoding"] == "gzip":
        report.check(f"{path} unpacks to the same", gzip.decompress(packed) == body, status)
    else:
        report.check(f"{path} is the same unpacked", packed == body, status)
    return tag.strip('"')


def kept(report, server, url, tag):
    """What holds for the address of a document of version 3, which has its hash in it."""
    path, _, found = url.partition("?hash=")
    report.check(f"{path} is in the index under its tag", found == tag, url)
    plain = {"Accept": "application/json"}
    _, headers, _ = server.get(url, plain)
    report.check(f"{path} may be kept", headers["Cache-Control"] == "public, immutable" and
                 headers["Expires"], headers["Cache-Control"])
    status, headers, _ = server.get(f"{path}?hash=STALE", plain)
    report.check(f"{path} says where it has gone", (status, headers["Location"]) == (301, url),
                 (status, headers["Location"]))


def in_protobuf(report, server, path, media_type):
    for accept in (media_type, media_type.replace(".v1.0", "@v1.0")):
        status, headers, body = server.get(path, {"Accept": accept})
        good = status == 200 and headers["Content-Type"] == media_type and body[:1] == b"\x0a"
        report.check(f"{path} as {accept}", good, (status, headers["Content-Type"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--token")
    parser.add_argument("--ca")
    options = parser.parse_args()
    server, report = Server(options.server, options.token, options.ca), Report()
    documents = server.documents()
    for name, document in documents.items():
        valid(report, name, document)
    tags = {name: served(report, server, f"/openapi/{name}") for name in [*documents, "v3"]}
    for path, entry in server.json("/openapi/v3")["paths"].items():
        kept(report, server, entry["serverRelativeURL"], tags[f"v3/{path}"])
    for name in documents:
        in_protobuf(report, server, f"/openapi/{name}", PROTOBUF[name.split("/", 1)[0]])
    status, _, body = server.get("/openapi/v2", {"Accept": "text/html"})
    report.check("another format is refused", (status, body) == (406, b""), (status, body[:80]))
    print(f"{len(documents)} documents checked: {report.failed} failures")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
