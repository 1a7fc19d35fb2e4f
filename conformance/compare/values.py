"""The values of which made-up requests are put together, good ones first."""
import urllib.parse

GROUP = "hello.zeng.dev"
PROTOBUF = "application/vnd.kubernetes.protobuf"
NAMES = ("a", "b", "c")
BAD_NAMES = ("Bad_Name", "a..b", "x" * 260, "-a", "a/b", "é", ".", "..", "a%b")
MANAGERS = ("one", "two", "kubectl")
STEPS = (3, 12)
WATCHING = 0.12
LIVE = 0.15
LABELS = ({"app": "web"}, {"app": "db", "tier": "back"}, {"tier": "front"}, {}, None,
          {"app": ""}, {"bad key!": "x"}, {"app": "bad value!"}, {"a/b/c": "x"}, {"app": None},
          {"/x": "y"}, {"example.com/": "y"}, {"Example.com/x": "y"}, {"app": "x" * 64},
          {"app": 1}, {"app": ["x"]}, {"app": True}, "x", ["x"])
ANNOTATIONS = ({"note": "1"}, {"spec.image": "redis:7"}, {"bad key!": "x"}, {"note": ""}, {}, None,
               {"note": 1}, {"Big.Example/x": "y"}, {"spec.image": ""}, "x", {"a": "x" * 300},
               {"big": "@x*262144@"}, {"big": "@x*262141@"}, {"a": "@x*200000@", "b": "@y*70000@"})
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
           "application/cbor", "*/json", "application/json;profile=x", "application/json;v=v1") + tuple(
               PROTOBUF + form for form in (
                   "", "", "", ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io", ",application/json",
                   ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", ";as=Table;v=v1;g=meta.k8s.io",
                   ";as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io",
                   ";as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io,application/json", ";stream=watch",
                   ";as=Nope;v=v1;g=meta.k8s.io," + PROTOBUF, ";q=0.1,application/json;q=0.05"))
PATCH_TYPES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
               "strategic": "application/strategic-merge-patch+json",
               "apply": "application/apply-patch+yaml"}
CONTENT_TYPES = ("application/json", "application/yaml", "text/plain", "", "application/json; charset=utf-8",
                 "nonsense", "application/xml", "application/JSON", "application/x-www-form-urlencoded",
                 "application/json-patch+json", "*/*", "application/json;", "application/json,application/yaml")
TEXTS = ("", "{", "[]", "null", "1", "\"x\"", "{}", "{not json", "a: b: c", "- 1", "not: [valid",
         "{\"kind\":\"Foo\"}", "{\"apiVersion\":1}", "{\"kind\":\"Foo\",\"apiVersion\":\"" + GROUP + "/v2\"}",
         "{}{}", "{\"a\":1,}", "true", "\ufeff{}", "{\"metadata\":{\"name\":\"a\"}} x", "# only",
         "---\n{}\n---\n{}", "kind: Foo\nkind: Foo\n",
         # What is between two @ is repeated.
         "{\"spec\":@{\"a\":*90@1@}*90@}", "@[*20000@", "@[*10002@@]*10002@", "{\"a\":@[*99@@]*99@}",
         "{\"spec\":{\"x\":\"@x*3145728@\"}}", "\"@x*3145726@\"", "@- *90@a", "a: @{a: *50@1@}*50@", "a: @{a: *12000@1@}*12000@",
         "{\"kind\":\"Foo\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"a\":\"\\ud800\"}}}",
         "{\"kind\":\"Foo\",\"metadata\":{\"name\":\"\\u0061\"}}", "{\"a\":1e400}", "{\"a\":-0}", "{\"a\":01}",
         "{\"a\":\"\u0001\"}", "\ufeffkind: Foo", "{'a':1}", "{\"a\":NaN}", "[1,]", "{\"a\" 1}", "\t{}", "nul")
AGENTS = ("kubectl/v1.30.0 (linux/amd64) kubernetes/abc", "", "curl/8", "/x", "a b/c", "@m*200@/v1", "x" * 128, "x" * 129,
          "M\u00e9/1", "one", "one/2", " lead/1", "a\tb/1", "(x)/y")
SCALARS = ("yes", "no", "on", "off", "~", "null", "Null", "0x1F", "0o17", "017", "1_000", "1e3", ".inf", "-.INF", ".nan",
           "2001-01-01", "2001-01-01T00:00:00Z", "12:30:45", "'it''s'", '"\\x41\\u00e9\\n"', "|\n      block\n      text",
           ">-\n      folded\n      text", "!!str 1", "!!int \"1\"", "!!float 1", "!custom x", "&a x", "*a", "# none",
           "[a, b]", "{a: b}", "a # b", "a: b", "'", '"', "@x", "`x", "%x", "- x", "? x", "=", "<<", "true", "True", "TRUE",
           "y", "n", "+1", "-0", "1.", ".5", "9223372036854775808", "18446744073709551616", "1.0", "\u00e9", "a\n      b",
           "\"a\\\n      b\"", "!!binary aGk=", "!!null x", "!!bool yes", "!!timestamp 2001-01-01", "''", '""', "|", ">")
EXTRA_QUERY = ("limit=1&limit=2", "dryRun=All&dryRun=All", "dryRun=All&dryRun=Nope", "%zz=1", "a;b=1", "fieldManager", "=x",
               "labelSelector=%zz", "limit=+1", "pretty", "fieldManager=a&fieldManager=b", "labelSelector=app&labelSelector=tier",
               "fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db", "resourceVersion=0&resourceVersion=1",
               "fieldManager=a+b", "&&", "LIMIT=1", "limit=%31", "fieldValidation=Strict&fieldValidation=Ignore",
               "labelSelector=app%3Dweb%2Ctier", "limit=1%00", "propagationPolicy=Orphan&propagationPolicy=Background")
DOCUMENTS = ("/", "/api", "/api/", "/apis", "/apis/", "/apis/" + GROUP, "/apis/" + GROUP + "/", f"/apis/{GROUP}/v1",
             f"/apis/{GROUP}/v2", f"/apis/{GROUP}/v2/", f"/apis/{GROUP}/v3", "/apis/nope", "/openapi/v2", "/openapi/v3",
             f"/openapi/v3/apis/{GROUP}/v1", f"/openapi/v3/apis/{GROUP}/v2", f"/openapi/v3/apis/{GROUP}", "/version",
             "/healthz", "/livez", "/readyz", "/healthz/ping", "/readyz/nope", "/nope", "/api/v1", "/index.html",
             "/openapi/v3/version", f"/openapi/v3/apis/{GROUP}/v9", "/openapi", "/version/", "/openapi/v3/")
DOCUMENT_ACCEPTS = tuple(f"application/{form};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" + rest
                         for form in ("json", "yaml", "vnd.kubernetes.protobuf")
                         for version in ("v2", "v2beta1", "v3") for rest in ("", ",application/json")) + (
    "application/json", "application/yaml", PROTOBUF, "text/html", "*/*", "", "nonsense", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;g=apidiscovery.k8s.io;v=v2;as=Nope", "application/json;g=apidiscovery.k8s.io;v=v2",
    "application/json;q=0.5,application/yaml", "application/xml,text/*;q=0.3", "application/json;charset=utf-8")
POLICIES = ("Foreground", "Background", "Orphan", "Nope", "")
