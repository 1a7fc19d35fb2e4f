"""Protocol buffers as Kubernetes writes them: answers to values, values to bodies.

The tables say what is in each message: the number, the name, and how it is written. A field that
no table knows is kept under its number, so that it shows in a comparison.
"""
import datetime
import json

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
TEXT, NUMBER, YES_NO, MAP, RAW, OBJECT = "text", "number", "yes or no", "map", "raw", "object"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DEPTH_MAX = 100


def many(kind):
    return (kind,)


MESSAGES = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", RAW), 3: ("contentEncoding", TEXT), 4: ("contentType", TEXT)},
    "TypeMeta": {1: ("apiVersion", TEXT), 2: ("kind", TEXT)},
    "RawExtension": {1: ("raw", RAW)},
    "WatchEvent": {1: ("type", TEXT), 2: ("object", OBJECT)},
    "Time": {1: ("seconds", NUMBER), 2: ("nanos", NUMBER)},
    "FieldsV1": {1: ("Raw", RAW)},
    "ListMeta": {1: ("selfLink", TEXT), 2: ("resourceVersion", TEXT), 3: ("continue", TEXT),
                 4: ("remainingItemCount", NUMBER)},
    "ObjectMeta": {
        1: ("name", TEXT), 2: ("generateName", TEXT), 3: ("namespace", TEXT), 4: ("selfLink", TEXT), 5: ("uid", TEXT),
        6: ("resourceVersion", TEXT), 7: ("generation", NUMBER), 8: ("creationTimestamp", "Time"),
        9: ("deletionTimestamp", "Time"), 10: ("deletionGracePeriodSeconds", NUMBER), 11: ("labels", MAP),
        12: ("annotations", MAP), 13: ("ownerReferences", many("OwnerReference")), 14: ("finalizers", many(TEXT)),
        17: ("managedFields", many("ManagedFieldsEntry"))},
    "OwnerReference": {1: ("kind", TEXT), 3: ("name", TEXT), 4: ("uid", TEXT), 5: ("apiVersion", TEXT),
                       6: ("controller", YES_NO), 7: ("blockOwnerDeletion", YES_NO)},
    "ManagedFieldsEntry": {1: ("manager", TEXT), 2: ("operation", TEXT), 3: ("apiVersion", TEXT), 4: ("time", "Time"),
                           6: ("fieldsType", TEXT), 7: ("fieldsV1", "FieldsV1"), 8: ("subresource", TEXT)},
    "Status": {1: ("metadata", "ListMeta"), 2: ("status", TEXT), 3: ("message", TEXT), 4: ("reason", TEXT),
               5: ("details", "StatusDetails"), 6: ("code", NUMBER)},
    "StatusDetails": {1: ("name", TEXT), 2: ("group", TEXT), 3: ("kind", TEXT), 4: ("causes", many("StatusCause")),
                      5: ("retryAfterSeconds", NUMBER), 6: ("uid", TEXT)},
    "StatusCause": {1: ("reason", TEXT), 2: ("message", TEXT), 3: ("field", TEXT)},
    "DeleteOptions": {1: ("gracePeriodSeconds", NUMBER), 2: ("preconditions", "Preconditions"),
                      3: ("orphanDependents", YES_NO), 4: ("propagationPolicy", TEXT), 5: ("dryRun", many(TEXT))},
    "Preconditions": {1: ("uid", TEXT), 2: ("resourceVersion", TEXT)},
    "PartialObjectMetadata": {1: ("metadata", "ObjectMeta")},
    "PartialObjectMetadataList": {1: ("metadata", "ListMeta"), 2: ("items", many("PartialObjectMetadata"))},
    "APIGroupList": {1: ("groups", many("APIGroup"))},
    "APIGroup": {1: ("name", TEXT), 2: ("versions", many("GroupVersion")), 3: ("preferredVersion", "GroupVersion"),
                 4: ("serverAddressByClientCIDRs", many("Address"))},
    "APIVersions": {1: ("versions", many(TEXT)), 2: ("serverAddressByClientCIDRs", many("Address"))},
    "Address": {1: ("clientCIDR", TEXT), 2: ("serverAddress", TEXT)},
    "GroupVersion": {1: ("groupVersion", TEXT), 2: ("version", TEXT)},
    "APIResourceList": {1: ("groupVersion", TEXT), 2: ("resources", many("APIResource"))},
    "APIResource": {1: ("name", TEXT), 2: ("namespaced", YES_NO), 3: ("kind", TEXT), 4: ("verbs", "Verbs"),
                    5: ("shortNames", many(TEXT)), 6: ("singularName", TEXT), 7: ("categories", many(TEXT)),
                    8: ("group", TEXT), 9: ("version", TEXT), 10: ("storageVersionHash", TEXT)},
    "Verbs": {1: ("items", many(TEXT))},
    "v2.Foo": {1: ("metadata", "ObjectMeta"), 2: ("spec", "v2.FooSpec"), 3: ("status", "FooStatus")},
    "v2.FooSpec": {1: ("image", TEXT), 2: ("config", "FooConfig")},
    "v2.FooList": {1: ("metadata", "ListMeta"), 2: ("items", many("v2.Foo"))},
    "FooConfig": {1: ("msg", TEXT), 2: ("msg1", TEXT)},
    "FooStatus": {1: ("phase", TEXT), 2: ("conditions", many("FooCondition"))},
    "FooCondition": {1: ("type", TEXT), 2: ("status", TEXT)},
    "v2.Config": {1: ("metadata", "ObjectMeta"), 2: ("spec", "FooConfig")},
    "v1.Foo": {1: ("metadata", "ObjectMeta"), 2: ("spec", "FooConfig")},
    "v1.FooList": {1: ("metadata", "ListMeta"), 2: ("items", many("v1.Foo"))},
}


def message_of(api_version, kind):
    """The table of a kind, or none."""
    version = str(api_version).rpartition("/")[2]
    return next((name for name in (f"{version}.{kind}", str(kind)) if name in MESSAGES), None)


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def pieces(data):
    """The fields of a message: number, wire type and content."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = varint(data, at)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(wire)
            if wire == BYTES:
                size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if at > len(data):
                raise ValueError("a field that goes on after its message")
        yield number, wire, value


def decoded(name, data, depth=0):
    """A message as a value."""
    if depth > DEPTH_MAX:
        raise ValueError("a message too deep")
    out = {}
    for number, _, value in pieces(data):
        field, kind = MESSAGES[name].get(number, (f"#{number}", RAW))
        if isinstance(kind, tuple):
            out.setdefault(field, []).append(content(kind[0], value, depth))
        elif kind == MAP:
            pair = {at: text.decode() for at, _, text in pieces(value)}
            out.setdefault(field, {})[pair.get(1, "")] = pair.get(2, "")
        elif kind == "Time":
            out[field] = time_of(decoded(kind, value))
        else:
            out[field] = content(kind, value, depth)
    return out


def content(kind, value, depth):
    if kind == NUMBER:
        return value - (1 << 64) if value >> 63 else value
    if kind == YES_NO:
        return bool(value)
    if kind == TEXT:
        return value.decode()
    if kind == OBJECT:
        return envelope(decoded("RawExtension", value)["raw"])
    if kind == RAW:
        return value
    return raw_json(decoded(kind, value, depth + 1))


def raw_json(value):
    """Where the raw bytes of a message are JSON, as they are for the fields of a manager."""
    if isinstance(value.get("Raw"), bytes):
        return json.loads(value["Raw"])
    return value


def time_of(value):
    if not value:
        return None
    return datetime.datetime.fromtimestamp(value.get("seconds", 0), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(data):
    """An object in its envelope; what has no table is kept as bytes in hexadecimal."""
    if not data.startswith(MAGIC):
        return printable(data)
    unknown = decoded("Unknown", data[len(MAGIC):])
    meta = unknown.pop("typeMeta", {})
    raw, name = unknown.pop("raw", b""), message_of(meta.get("apiVersion"), meta.get("kind"))
    body = decoded(name, raw) if name else {"raw": raw}
    return printable({"$envelope": unknown, **meta, **body})


def printable(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list) else value


def frames(data):
    """The events of a watch: each after its length in four bytes."""
    out, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        out.append(printable(decoded("WatchEvent", data[at + 4:at + 4 + size])))
        at += 4 + size
    return out


def parse(data, content_type):
    """An answer of the media type, or its bytes in hexadecimal where they are something else."""
    try:
        return frames(data) if "stream=watch" in content_type else envelope(data)
    except (ValueError, IndexError, KeyError) as error:
        return f"{error}: {data[:2000].hex()}"


# Bodies

def written(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, data):
    if isinstance(data, bool) or isinstance(data, int):
        return written(number << 3 | VARINT) + written(int(data))
    return written(number << 3 | BYTES) + written(len(data)) + data


def encoded(name, value):
    """The message of a value; what does not fit its table is left out."""
    out = b""
    for number, (key, kind) in MESSAGES[name].items():
        item = value.get(key)
        if isinstance(kind, tuple):
            for one in item if isinstance(item, list) else []:
                out += one_field(number, kind[0], one)
        elif kind == MAP:
            for at, text in item.items() if isinstance(item, dict) else []:
                if isinstance(text, str):
                    out += field(number, field(1, at.encode()) + field(2, text.encode()))
        else:
            out += one_field(number, kind, item)
    return out


def one_field(number, kind, item):
    if kind == TEXT:
        return field(number, item.encode()) if isinstance(item, str) else b""
    if kind == YES_NO:
        return field(number, item) if isinstance(item, bool) else b""
    if kind == NUMBER:
        fits = isinstance(item, int) and not isinstance(item, bool) and abs(item) < 1 << 63
        return field(number, item) if fits else b""
    if kind == "Time":
        return field(number, field(1, seconds_of(item))) if seconds_of(item) else b""
    if kind == "FieldsV1":
        return field(number, field(1, json.dumps(item, separators=(",", ":")).encode())) if item is not None else b""
    return field(number, encoded(kind, item)) if isinstance(item, dict) else b""


def seconds_of(text):
    try:
        return int(datetime.datetime.fromisoformat(text).timestamp())
    except (TypeError, ValueError):
        return None


def body(value, damage=None):
    """A value as a body in its envelope, or with one kind of damage."""
    api_version, kind = value.get("apiVersion"), value.get("kind")
    meta = {"apiVersion": api_version, "kind": kind}
    raw = encoded(message_of(api_version, kind) or "v2.Foo", value)
    if damage == "unknown field":
        raw += field(99, b"x")
    elif damage == "cut inside":
        raw = raw[:-3]
    elif damage == "wrong wire type":
        raw += field(1, 7)
    elif damage == "no text":
        raw += field(1, field(1, b"\xff\xfe"))
    elif damage == "again":
        raw += raw
    out = b"" if damage == "no kind" else field(1, encoded("TypeMeta", meta))
    out += b"" if damage == "nothing" else field(2, raw)
    if damage == "encoding":
        out += field(3, b"gzip")
    elif damage == "content type":
        out += field(4, b"application/json")
    out = MAGIC + out
    return {"no magic": out[4:], "magic only": MAGIC, "half a magic": MAGIC[:2], "cut": out[:-2],
            "zeros": MAGIC + bytes(20), "group": MAGIC + b"\x0b\x0c"}.get(damage, out)


DAMAGES = ("unknown field", "cut inside", "wrong wire type", "no text", "again", "no kind", "nothing", "encoding",
           "content type", "no magic", "magic only", "half a magic", "cut", "zeros", "group")
