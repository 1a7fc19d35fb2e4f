"""Hand-written writes: in which order a server looks at what is wrong, and what it says of fields that are unknown,
written twice, or in letters of the other case."""
import json

from cases import APPLY, JSON, JSON_PATCH, MERGE, STRATEGIC, V1, V2, YAML, foo, version_of

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
NOT_ITS_UID = "11111111-2222-3333-4444-555555555555"

# What may be wrong with a body, each alone and with each other: the first that is looked at is told.
WRONG = {
    "namespace": lambda body: body["metadata"].update(namespace="other"),
    "no name": lambda body: body["metadata"].pop("name", None),
    "other name": lambda body: body["metadata"].update(name="zzz"),
    "uid": lambda body: body["metadata"].update(uid=NOT_ITS_UID),
    "version": lambda body: body["metadata"].update(resourceVersion="1"),
    "no version": lambda body: body["metadata"].update(resourceVersion="x"),
    "kind": lambda body: body.update(kind="Bar"),
    "no kind": lambda body: body.pop("kind", None),
    "apiVersion": lambda body: body.update(apiVersion="hello.zeng.dev/v1"),
    "no apiVersion": lambda body: body.pop("apiVersion", None),
    "foreign apiVersion": lambda body: body.update(apiVersion="other/v1"),
    "type": lambda body: body["spec"].update(image=1),
    "field": lambda body: body["spec"].update(extra=1),
    "label": lambda body: body["metadata"].update(labels={"a": "b c"}),
    "owners": lambda body: body["metadata"].update(ownerReferences=[OWNER, OWNER]),
    "invalid": lambda body: body["spec"].update(image=""),
    "managed fields": lambda body: body["metadata"].update(managedFields=[{"manager": "m", "time": "yesterday"}]),
}

def wrong_body(name, *how):
    body = foo(name)
    for one in how:
        WRONG[one](body)
    return body


def order_of_checks(case):
    """Two things wrong with one write, of an object that is there, of one that is not, and of parts of it."""
    case.send("POST", V2, foo("a"), id="made")
    pairs = [(one, other) for one in WRONG for other in WRONG if one <= other]
    for one, other in pairs:
        case.send("POST", V2, wrong_body(f"n{len(case.steps)}", one, other))
        for name in ("a", "gone"):
            body = wrong_body(name, one, other)
            case.send("PUT", f"{V2}/{name}", body)
            case.send("PATCH", f"{V2}/{name}", body, MERGE)
            case.send("PATCH", f"{V2}/{name}?dryRun=All&fieldManager=m&force=true", json.dumps(body), APPLY)
        body = wrong_body("a", one, other)
        case.send("PATCH", V2 + "/a", body, STRATEGIC)
        case.send("PATCH", V2 + "/a?fieldManager=m", json.dumps(body), APPLY)
        case.send("PUT", V2 + "/a/status", body)
        case.send("PUT", V2 + "/gone/status", body)
    patches = {
        "namespace": {"op": "add", "path": "/metadata/namespace", "value": "other"},
        "no name": {"op": "remove", "path": "/metadata/name"},
        "other name": {"op": "add", "path": "/metadata/name", "value": "zzz"},
        "uid": {"op": "add", "path": "/metadata/uid", "value": NOT_ITS_UID},
        "version": {"op": "add", "path": "/metadata/resourceVersion", "value": "1"},
        "kind": {"op": "add", "path": "/kind", "value": "Bar"},
        "apiVersion": {"op": "add", "path": "/apiVersion", "value": "hello.zeng.dev/v1"},
        "field": {"op": "add", "path": "/spec/extra", "value": 1},
        "type": {"op": "add", "path": "/spec/image", "value": 1},
        "missing": {"op": "remove", "path": "/nope"},
        "label": {"op": "add", "path": "/metadata/labels", "value": {"a": "b c"}},
    }
    for one in patches:
        for other in patches:
            for part in ("", "/status"):
                case.send("PATCH", f"{V2}/a{part}", [patches[one], patches[other]], JSON_PATCH)
    options = ("dryRun=Nope", "fieldValidation=Nope", "fieldManager=" + "x" * 129, "fieldManager=a%01b", "dryRun=All&dryRun=Nope")
    for query in options:
        for headers in (JSON, {"Content-Type": "nonsense"}, YAML):
            case.send("POST", f"{V2}?{query}", "{", headers)
            case.send("PUT", f"{V2}/gone?{query}", "{", headers)
            case.send("PUT", f"{V2}/Bad_Name?{query}", "{", headers)
        for headers in (MERGE, APPLY, {"Content-Type": "nonsense"}, STRATEGIC, JSON_PATCH):
            case.send("PATCH", f"{V2}/gone?{query}", "{", headers)
            case.send("PATCH", f"{V2}/Bad_Name?{query}", "{", headers)
        case.send("DELETE", f"{V2}/gone?{query}", {"kind": "Nope"})
        case.send("DELETE", f"{V2}/Bad_Name?{query}")
        case.send("DELETE", f"{V2}/gone?{query}", "{", JSON)


# Fields that are odd, by the place where they stand: unknown, written twice, in letters of the other case.
PLACES = ("top", "metadata", "owner", "spec", "config", "status", "condition", "labels")
ODD = {
    "unknown": {place: "extra: 1" for place in PLACES},
    "two": {place: "zzz: {a: [1]}\nextra: null" for place in PLACES},
    "twice": {"top": "kind: Foo", "metadata": "name: NAME", "owner": "uid: v", "spec": "image: j", "config": "msg: n",
              "status": "phase: Odd", "condition": "status: \"False\"", "labels": "app: db"},
    "case": {"top": "Kind: Foo\nSpec: {image: k}", "metadata": "Name: x\nLabels: {a: b}", "owner": "UID: x", "spec": "Image: k",
             "config": "MSG: x", "status": "Phase: Odd", "condition": "Status: x", "labels": "App: x"},
    "unknown twice": {place: "extra: 1\nextra: 2" for place in PLACES},
}
DOCUMENT = """\
apiVersion: hello.zeng.dev/v2
kind: Foo
@top@
metadata:
  name: NAME
  labels:
    app: web
    @labels@
  @metadata@
  ownerReferences:
  - apiVersion: v1
    kind: Pod
    name: p
    uid: u
    @owner@
spec:
  image: i
  @spec@
  config:
    msg: m
    @config@
status:
  phase: Ready
  @status@
  conditions:
  - type: Worker
    status: "True"
    @condition@
"""
AS_JSON = """\
{"apiVersion": "hello.zeng.dev/v2", "kind": "Foo", @top@ "metadata": {"name": "NAME", "labels": {@labels@ "app": "web"},
 @metadata@ "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", @owner@ "uid": "u"}]},
 "spec": {"image": "i", @spec@ "config": {@config@ "msg": "m"}}, "status": {@status@ "phase": "Ready", "conditions":
 [{"type": "Worker", @condition@ "status": "True"}]}}"""
VALIDATIONS = ("", "fieldValidation=Strict", "fieldValidation=Warn", "fieldValidation=Ignore", "fieldValidation=strict",
               "fieldValidation=")


def documents(name):
    """(YAML, JSON) for each kind of oddity at each place, and at all of them."""
    for fields in ODD.values():
        for chosen in [(place,) for place in PLACES] + [PLACES]:
            yaml, text = DOCUMENT, AS_JSON
            for place in PLACES:
                lines = fields[place].split("\n") if place in chosen else []
                margin = next(line for line in DOCUMENT.split("\n") if f"@{place}@" in line).split("@")[0]
                yaml = yaml.replace(f"{margin}@{place}@\n", "".join(f"{margin}{line}\n" for line in lines))
                text = text.replace(f"@{place}@", "".join(as_json(line) for line in lines))
            yield yaml.replace("NAME", name), text.replace("NAME", name)


VALUES = {"1": 1, "2": 2, "{a: [1]}": {"a": [1]}, "null": None, "{image: k}": {"image": "k"}, "{a: b}": {"a": "b"}}


def as_json(line):
    """A line of YAML as a member of a JSON object."""
    name, value = line.split(": ", 1)
    return f"{json.dumps(name)}: {json.dumps(VALUES.get(value, value.strip(chr(34))))}, "


def odd_fields(case):
    """Fields that are odd in each kind of write and format, with each way to ask for what is to be done about them."""
    # The status has an object of its own: where several entries have no time, only their order may change, for which Go writes.
    case.send("POST", V2, foo("a"))
    case.send("POST", V2, foo("s"))
    for yaml, text in documents("a"):
        for query in VALIDATIONS:
            for body, headers in ((text, JSON), (yaml, YAML)):
                case.send("POST", f"{V2}?{query}", renamed(body, f"n{len(case.steps)}"), headers)
                case.send("PUT", f"{V2}/a?{query}", body, headers)
                case.send("PATCH", f"{V2}/a?fieldManager=m&force=true&{query}", body, APPLY)
            case.send("PATCH", f"{V2}/a?{query}", text, MERGE)
            case.send("PATCH", f"{V2}/a?{query}", text, STRATEGIC)
        yaml, text = renamed(yaml, "s"), renamed(text, "s")
        case.send("PUT", V2 + "/s/status", text, JSON)
        case.send("PUT", V2 + "/s/status", yaml, YAML)
        case.send("PATCH", V2 + "/s/status?fieldManager=m&force=true", yaml, APPLY)
        case.send("PATCH", V2 + "/s/status", text, MERGE)


def renamed(body, name):
    return body.replace('"name": "a"', f'"name": "{name}"').replace("\n  name: a\n", f"\n  name: {name}\n")


def odd_operations(case):
    """The same in the operations of a JSON patch, in parts and in options of a deletion."""
    patches = (
        '[{"op":"add","path":"/extra","value":1}]', '[{"op":"add","path":"/metadata/extra","value":1}]',
        '[{"op":"add","path":"/spec/extra","value":1}]', '[{"op":"add","path":"/spec/Image","value":"x"}]',
        '[{"op":"add","path":"/spec/config/MSG","value":"x"}]', '[{"op":"add","path":"/Spec","value":{"image":"x"}}]',
        '[{"op":"add","path":"/spec/image","value":"x","extra":1}]', '[{"op":"add","path":"/spec/image","value":"x","value":"y"}]',
        '[{"op":"add","op":"replace","path":"/spec/image","value":"x"}]', '[{"Op":"add","path":"/spec/image","value":"x"}]',
        '[{"op":"add","path":"/spec/image","Path":"/spec/config/msg","value":"x"}]', '[{"op":"add","path":"/spec/image","Value":"x"}]',
        '[{"op":"add","path":"/spec/config","value":{"msg":"a","msg":"b"}}]',
        '[{"op":"add","path":"/spec/config","value":{"msg":"a","extra":1,"extra":2}}]',
        '[{"op":"add","path":"/spec/config","value":{"msg":"a","Msg1":"b"}}]',
        '[{"op":"add","path":"/metadata/labels","value":{"a":"b","a":"c"}}]',
        '[{"op":"add","path":"/metadata/ownerReferences","value":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","x":1}]}]',
        '[{"op":"add","path":"/spec/a","value":1},{"op":"add","path":"/spec/b","value":1,"x":2,"x":3}]',
        '[{"op":"add","path":"/status/conditions","value":[{"type":"Worker","status":"True","x":1}]}]',
        '[{"op":"add","path":"/spec/image","value":"x","from":"/nope"}]', '[{"op":"test","path":"/spec","value":{},"extra":1}]')
    configs = ('{"apiVersion":"hello.zeng.dev/v2","kind":"Config","metadata":{"name":"a"},"spec":{"msg":"x","extra":1}}',
               '{"apiVersion":"hello.zeng.dev/v2","kind":"Config","metadata":{"name":"a","x":1},"spec":{"msg":"x","msg":"y"},"y":1}',
               '{"apiVersion":"hello.zeng.dev/v2","kind":"Config","metadata":{"name":"a"},"Spec":{"msg":"x"},"spec":{"MSG":"y"}}')
    for query in VALIDATIONS:
        case.send("POST", V2, foo("a"))
        for patch in patches:
            for part in ("", "/status"):
                case.send("PATCH", f"{V2}/a{part}?{query}", patch, JSON_PATCH)
        for config in configs:
            case.send("PUT", f"{V2}/a/config?{query}", config, JSON)
            case.send("PUT", f"{V2}/a/config?{query}", config, YAML)
            case.send("PATCH", f"{V2}/a/config?{query}", config, MERGE)
            case.send("PATCH", f"{V2}/a/config?fieldManager=m&force=true&{query}", config, APPLY)
            case.send("POST", f"{V2}/a/base64?{query}", config.replace("Config", "Base64"), JSON)
        for fields in ('"msg":"m","extra":1', '"msg":"m","msg":"n"', '"msg":"m","Msg":"n"', '"msg":"m","image":"x"'):
            body = '{"apiVersion":"hello.zeng.dev/v1","kind":"Foo","metadata":{"name":"NAME"},"spec":{%s}}' % fields
            case.send("POST", f"{V1}?{query}", body.replace("NAME", f"v{len(case.steps)}"), JSON)
            case.send("PUT", f"{V1}/a?{query}", body.replace("NAME", "a"), JSON)
            case.send("PUT", f"{V2}/a?{query}", body.replace("NAME", "a"), JSON)
            case.send("PATCH", f"{V1}/a?{query}", body.replace("NAME", "a"), MERGE)
            case.send("PATCH", f"{V1}/a?{query}", body.replace("NAME", "a"), STRATEGIC)
            case.send("PATCH", f"{V1}/a?fieldManager=m&force=true&{query}", body.replace("NAME", "a"), APPLY)
        for options in ('{"kind":"DeleteOptions","extra":1}', '{"kind":"DeleteOptions","dryRun":["All"],"dryRun":["All"]}',
                        '{"kind":"DeleteOptions","DryRun":["All"]}', '{"preconditions":{"uid":"x","extra":1}}'):
            case.send("DELETE", f"{V2}/gone?{query}", options, JSON)
            case.send("DELETE", f"{V2}/a?dryRun=All&{query}", options, JSON)
            case.send("DELETE", f"{V2}?dryRun=All&{query}", options, JSON)


def conflicts(case):
    """An apply that meets others, with entries that are none, and with versions and UIDs of its own."""
    entries = ([], None, [{}], [{"manager": 1}], [{"time": "yesterday"}], [{"time": None}], ["x"], [None], "x", {},
               [{"manager": "m", "operation": "Apply", "time": "2024-01-01T00:00:00Z"}], [{"fieldsV1": {"x:": 1}}], [{"extra": 1}])
    case.send("POST", V2, foo("a"), id="made")
    for number, managed in enumerate(entries):
        for image in ("nginx:1.25", "other"):
            for force in ("", "&force=true", "&force=true&dryRun=All"):
                for name in ("a", f"new{number}"):
                    body = foo(name, managedFields=managed)
                    body["spec"]["image"] = image
                    case.send("PATCH", f"{V2}/{name}?fieldManager=m{force}", json.dumps(body), APPLY)
    for metadata in ({"resourceVersion": version_of("made")}, {"resourceVersion": ""}, {"resourceVersion": "0"},
                     {"resourceVersion": "x"}, {"uid": "${made:.metadata.uid}"}, {"uid": NOT_ITS_UID}, {"uid": ""},
                     {"generation": 9}, {"creationTimestamp": None}, {"creationTimestamp": "2001-01-01T00:00:00Z"},
                     {"deletionTimestamp": "2001-01-01T00:00:00Z"}, {"deletionGracePeriodSeconds": 5},
                     {"generateName": "a-"}, {"namespace": "@ns@"}, {"namespace": "other"}, {"namespace": ""}):
        for name in ("a", "none"):
            case.send("PATCH", f"{V2}/{name}?fieldManager=m&force=true", json.dumps(foo(name, **metadata)), APPLY)
            case.send("PATCH", f"{V2}/{name}?fieldManager=m&force=true&dryRun=All", json.dumps(foo(name, **metadata)), APPLY)
            case.send("PATCH", f"{V2}/{name}/status?fieldManager=m&force=true", json.dumps(foo(name, **metadata)), APPLY)
            case.send("PUT", f"{V2}/{name}", foo(name, **metadata))
            case.send("PUT", f"{V2}/{name}/status", foo(name, **metadata))
            case.send("PATCH", f"{V2}/{name}", {"metadata": metadata}, MERGE)
            case.send("PATCH", f"{V2}/{name}", {"metadata": metadata}, STRATEGIC)
            case.send("DELETE", f"{V2}/none")


def odd_headers(case):
    """Content types with parameters of all sorts, resource versions that are none, versions of entries."""
    case.send("POST", V2, foo("a"), id="made")
    for header in ("application/json; charset=utf-8", "application/json;", "APPLICATION/JSON", "application/json; charset",
                   "application/json;;", "application/json; a=b; c", 'application/json; q="a', 'application/json; q="a;b"',
                   "application/json; charset=utf-8; charset=x", "application/yaml; x", "application/vnd.kubernetes.protobuf; x"):
        case.send("POST", f"{V2}?dryRun=All", foo("new"), {"Content-Type": header})
        case.send("PUT", f"{V2}/a?dryRun=All", foo("a"), {"Content-Type": header})
        case.send("DELETE", f"{V2}/none", {"kind": "DeleteOptions", "apiVersion": "v1"}, {"Content-Type": header})
        case.send("DELETE", f"{V2}?dryRun=All", {"kind": "DeleteOptions", "apiVersion": "v1"}, {"Content-Type": header})
    for version in ("1", "abc", "-1", "+1", "1.0", "18446744073709551616"):
        case.send("POST", f"{V2}?dryRun=All", foo("new", resourceVersion=version))
        case.send("POST", V2, foo(f"new{len(case.steps)}", resourceVersion=version))
        case.send("PUT", f"{V2}/a", foo("a", resourceVersion=version))
        case.send("PATCH", f"{V2}/a", {"metadata": {"resourceVersion": version}}, MERGE)
    for version in ("a/b/c", "/", "hello.zeng.dev/", "v9", ""):
        entry = {"manager": "m", "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1",
                 "fieldsV1": {"f:spec": {"f:image": {}}}}
        case.send("POST", V2, foo(f"of{len(case.steps)}", managedFields=[entry]))
        case.send("PUT", f"{V2}/a", foo("a", managedFields=[entry], resourceVersion=version_of("made")))
    case.send("GET", V2)


AREAS = (order_of_checks, odd_fields, odd_operations, conflicts, odd_headers)
