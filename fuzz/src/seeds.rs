//! Where the fuzzing starts: inputs that make sense, and pieces that inputs are made of.

/// Pieces that the formats give a meaning to.
pub(crate) const TOKENS: &[&str] = &[
    "\0",
    "\n",
    "\r\n",
    "\t",
    "  ",
    " ",
    ",",
    ":",
    ": ",
    ";",
    "=",
    "==",
    "!=",
    "!",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "[[",
    "]]",
    "{\"a\":",
    "\"",
    "'",
    "\\",
    "/",
    "//",
    "~0",
    "~1",
    "~",
    "-",
    "- ",
    "--- ",
    "...",
    "#",
    "%",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "| ",
    "> ",
    ">-2",
    "!!binary ",
    "!!str ",
    "!!int ",
    "!!float ",
    "%YAML 1.1\n",
    "null",
    "true",
    "false",
    "yes",
    "~",
    ".nan",
    "-.inf",
    "0",
    "-0",
    "1",
    "-1",
    "00",
    "0x1F",
    "0b1",
    "0o7",
    "1_0",
    "1e9",
    "1e400",
    "1.5",
    "127",
    "255",
    "256",
    "65536",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "190:20:30",
    "2001-01-01",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "\\uFFFD",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "ü",
    "🦀",
    "in",
    "notin",
    "exists",
    "metadata",
    "metadata.name",
    "managedFields",
    "apiVersion",
    "kind",
    "spec",
    "status",
    "items",
    "name",
    "op",
    "path",
    "from",
    "value",
    "add",
    "remove",
    "replace",
    "move",
    "copy",
    "test",
    "$patch",
    "$retainKeys",
    "$deleteFromPrimitiveList/tags",
    "$setElementOrder/env",
    "delete",
    "merge",
    "f:",
    "k:",
    "v:",
    "i:",
    ".",
    "f:spec",
    "k:{\"name\":\"a\"}",
    "v:1",
    "i:0",
    "fieldsV1",
    "fieldsType",
    "FieldsV1",
    "manager",
    "operation",
    "Apply",
    "Update",
    "subresource",
    "time",
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "labelSelector",
    "fieldSelector",
    "timeoutSeconds",
    "watch",
    "sendInitialEvents",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "propagationPolicy",
    "preconditions",
    "type",
    "object",
    "properties",
    "additionalProperties",
    "$ref",
    "#/definitions/A",
    "x-kubernetes-list-type",
    "map",
    "set",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-patch-merge-key",
    "allOf",
    "anyOf",
    "default",
    "nullable",
];

/// JSON.
pub(crate) const JSON: &[&str] = &[
    OBJECT,
    r#"{"a":1,"a":2.5e-3,"b":[true,false,null,"\u00e9\n\ud83e\udd80"],"c":{"d":-0,"e":1e400}}"#,
    "[[[[[[]]]]]]",
    r#" [1 , 2 ] "#,
];

/// CBOR in hexadecimal digits.
pub(crate) const CBOR: &[&str] = &[
    "d9d9f7a44a61706956657273696f6e427632446b696e6443466f6f486d65746164617461a2446e616d654161466c61\
     62656c73a04473706563a1416e880120fb4004000000000000fb4072c40000000000fb3ff199999999999af6f51a00\
     0f4240",
    "a36161d6427eff6162c1fb41d452d9ec2000006163c074323031332d30332d32315432303a30343a30305a",
    "bf61619f01f93800ffff",
    "7f61616262639f",
    "5f41614162ff",
    "1b7fffffffffffffff",
    "3b7fffffffffffffff",
];

/// YAML.
pub(crate) const YAML: &[&str] = &[
    "apiVersion: fuzz.example/v1\nkind: Thing\nmetadata:\n  name: a\n  labels: {a: b}\nspec:\n  - 1\n  - 'two'\n",
    "a: &x [1, 2]\nb: *x\nc: {<<: {d: e}}\nf: |\n  text\n  more\ng: >-\n  folded\n  lines\n? h\n: i\n",
    "%YAML 1.1\n---\nyes: no\nn: ~\no: 0o17\nx: 0x1f\nf: .inf\nt: 2001-01-01T00:00:00Z\nb: !!binary aGk=\n...\n",
    "\"quoted \\u00e9 \\x41\": 'it''s'\n# a comment\nlist: [a, b, {c: d}]\n",
];

/// Label selectors.
pub(crate) const LABELS: &[&str] = &[
    "a=b,c!=d,e in (f, g),h notin (i),j,!k",
    "example.com/tier == front, x>1, y<2",
    "a in (),b in (,c)",
];

/// Field selectors.
pub(crate) const FIELDS: &[&str] =
    &["metadata.name=a,metadata.namespace!=b", r"spec.x=a\,b\=c\\d", "a==b,,"];

/// Continue tokens.
pub(crate) const TOKENS_OF_PAGES: &[&str] = &[
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTcsInN0YXJ0IjoiL2RlZmF1bHQvYVx1MDAwMCJ9",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYVx1MDAwMCJ9",
    "{\"v\":\"meta.k8s.io/v1\",\"rv\":0,\"start\":\"../a\"}",
];

/// JSON patches, each followed by a NUL and the object.
pub(crate) const JSON_PATCHES: &[&str] = &[
    concat!(
        r#"[{"op":"add","path":"/spec/tags/-","value":"c"},{"op":"remove","path":"/spec/env/0"},"#,
        r#"{"op":"copy","from":"/spec","path":"/status"},{"op":"test","path":"/kind","value":"Thing"}]"#,
        "\0",
        r#"{"kind":"Thing","spec":{"tags":["a","b"],"env":[{"name":"a"}]}}"#
    ),
    concat!(
        r#"[{"op":"move","from":"/a~1b/0","path":"/c"},{"op":"replace","path":"","value":{"x":[]}}]"#,
        "\0",
        r#"{"a/b":[1,2],"c":{}}"#
    ),
];

/// Merge patches, each followed by a NUL and the object.
pub(crate) const MERGE_PATCHES: &[&str] = &[concat!(
    r#"{"spec":{"image":null,"config":{"msg":"b"},"tags":["x"]},"status":1}"#,
    "\0",
    r#"{"spec":{"image":"a","config":{"msg":"a","msg1":"c"}}}"#
)];

/// Strategic merge patches, each followed by a NUL and the object.
pub(crate) const STRATEGIC_PATCHES: &[&str] = &[
    concat!(
        r#"{"spec":{"env":[{"name":"a","value":"2"},{"name":"b","$patch":"delete"}],"#,
        r#""$setElementOrder/env":[{"name":"c"},{"name":"a"}],"config":{"$patch":"replace","msg":"x"},"#,
        r#""$deleteFromPrimitiveList/tags":["x"],"tags":["y"],"$retainKeys":["env","tags","config"]}}"#,
        "\0",
        r#"{"spec":{"env":[{"name":"a","value":"1"},{"name":"b"},{"name":"c"}],"tags":["x","z"],"config":{"msg":"m"}}}"#
    ),
    concat!(r#"{"spec":{"env":[{"$patch":"replace"},{"name":"n"}]}}"#, "\0", "{}"),
];

/// Configurations to apply, each followed by a NUL and the live object.
pub(crate) const APPLIES: &[&str] = &[
    concat!(
        r#"{"apiVersion":"fuzz.example/v1","kind":"Thing","metadata":{"name":"a","labels":{"x":"y"}},"#,
        r#""spec":{"image":"b","env":[{"name":"a","value":"2"}],"tags":["t","u"],"config":{"msg":"m"}}}"#,
        "\0",
        r#"{"apiVersion":"fuzz.example/v1","kind":"Thing","metadata":{"name":"a","uid":"1","managedFields":["#,
        r#"{"manager":"one","operation":"Apply","apiVersion":"fuzz.example/v1","fieldsType":"FieldsV1","#,
        r#""time":"2026-01-01T00:00:00Z","fieldsV1":{"f:spec":{"f:env":{"k:{\"name\":\"z\"}":{".":{},"f:name":{}}},"#,
        r#""f:tags":{"v:\"t\"":{}},"f:image":{}}}},"#,
        r#"{"manager":"two","operation":"Update","apiVersion":"fuzz.example/v1","fieldsType":"FieldsV1","#,
        r#""fieldsV1":{"f:spec":{"f:config":{"f:msg":{}}}}}]},"#,
        r#""spec":{"image":"a","env":[{"name":"z","value":"1"}],"tags":["t"],"config":{"msg":"n","msg1":"o"}}}"#
    ),
    concat!(
        r#"{"apiVersion":"fuzz.example/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"image":"i"}}"#,
        "\0",
    ),
];

/// Sets of fields.
pub(crate) const FIELD_SETS: &[&str] = &[
    r#"{"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:env":{"k:{\"name\":\"a\"}":{".":{},"f:value":{}}},"f:tags":{"v:\"x\"":{},"i:3":{}}}}"#,
    r#"{".":{},"f:":{},"v:1.5":{},"v:null":{},"k:{\"b\":1,\"a\":true}":{}}"#,
];

/// Schemas, each followed by a NUL and an object.
pub(crate) const SCHEMAS: &[&str] = &[concat!(
    r##"{"type":"object","properties":{"a":{"$ref":"#/definitions/A"},"b":{"type":"array","items":{"type":"object"},"##,
    r##""x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"]}},"##,
    r##""definitions":{"A":{"allOf":[{"type":"object","additionalProperties":{"$ref":"#/definitions/A"}}]}}}"##,
    "\0",
    r#"{"a":{"x":{"y":{}}},"b":[{"k":1,"v":2}]}"#
)];

/// Queries.
pub(crate) const QUERIES: &[&str] = &[
    "limit=2&continue=abc&labelSelector=a%3Db&fieldSelector=metadata.name%3Dc&resourceVersion=5",
    "watch=1&timeoutSeconds=3&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
    "dryRun=All&fieldManager=me&fieldValidation=Strict&force=true",
    "propagationPolicy=Foreground&gracePeriodSeconds=0&orphanDependents=true",
];

/// Bodies of deletions.
pub(crate) const DELETES: &[&str] = &[
    r#"{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background","gracePeriodSeconds":3,"preconditions":{"uid":"a","resourceVersion":"4"},"dryRun":["All"]}"#,
];

/// Objects as protocol buffers, in an envelope and without one.
pub(crate) const MESSAGES: &[&str] = &[
    concat!(
        "k8s\x00\n\x18\n\x0ffuzz.example/v1\x12\x05Thing\x12a\n*\n\x01a\x1a\x01dB\x04\x08\x05\x10",
        "\x00Z\x06\n\x01a\x12\x01br\x03e/fj\x0f\n\x01P\x1a\x01p\"\x01u*\x02v10\x01\x123\n\x01i",
        "\x12\x06\n\x01m\x12\x01n\x1a\x06\n\x01a\x12\x01b\"\x01t2\x06\n\x01k\x12\x01v:\x05\n\x01k",
        "\x10\x03B\n\n\x01k\x12\x05\n\x03[1]H\x03\x1a\x00\"\x00",
    ),
    "\n\x03\n\x01a\x12\x03\n\x01i\x0b\x08\x01\x0c",
];

/// Whole objects.
pub(crate) const OBJECTS: &[&str] = &[OBJECT];

const OBJECT: &str = r#"{"apiVersion":"fuzz.example/v1","kind":"Thing","metadata":{"name":"a-b.c","generateName":"x-","namespace":"default","labels":{"example.com/a":"b"},"annotations":{"n":"v"},"finalizers":["example.com/f"],"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true}],"creationTimestamp":"2026-01-01T00:00:00Z","resourceVersion":"3","managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:a":{}}}]},"spec":{"image":"i","config":{"msg":"m"},"env":[{"name":"a","value":"b"}],"tags":["t"],"replicas":3,"ratio":0.5},"status":{"phase":"P"}}"#;

/// Schemas with rules, and objects by them.
pub(crate) const RULES: &[&str] = &[
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1,\"default\":2}}}\0{\"a\":0}",
    "{\"type\":\"object\",\"x-kubernetes-validations\":[{\"rule\":\"self.a.all(x, x > 1)\"}],\"properties\":{\"a\":\
     {\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}}\0{\"a\":[1,2]}",
    "{\"type\":\"string\",\"pattern\":\"^a+$\",\"oneOf\":[{\"enum\":[\"a\"]},{\"maxLength\":1}]}\0\"aa\"",
];

/// Values for rules, and what was before them.
pub(crate) const RULE_VALUES: &[&str] = &[
    "{\"spec\":{\"text\":\"abc\",\"pattern\":\"b\",\"port\":\"1Gi\",\"list\":[1,2,3]}}\0{\"spec\":{\"text\":\"x\"}}",
    "{\"spec\":{\"text\":\"https://h:80/a\",\"when\":\"2020-01-01T00:00:00Z\",\"wait\":\"1h\",\"list\":[]}}",
    "{\"spec\":{\"text\":\"10.0.0.0/8\",\"pattern\":\"(\",\"port\":5}}",
    "{\"spec\":{\"text\":\"c\",\"set\":[\"a\",\"b\"],\"items\":[{\"name\":\"x\",\"size\":1},{\"name\":\"y\"}]}}\0\
     {\"spec\":{\"text\":\"c\",\"set\":[\"b\",\"a\"],\"items\":[{\"name\":\"y\"},{\"name\":\"x\",\"size\":1.0}]}}",
];

/// Texts that have a format.
pub(crate) const TEXTS: &[&str] = &[
    "\"Jane, D.\" (x) <j.d@[::1]>",
    "g: a@b.c;",
    "https://u:p@[fe80::1%25en0]:80/a%20b?q#f",
    "-1h30.5m",
    "2 weeks 1 day",
    "2024-02-29T10:00:00.5+01:00",
    "::ffff:01.2.3.4",
    "978-0321751041",
];

/// Expressions, and claims for them.
pub(crate) const EXPRESSIONS: &[&str] = &[
    "'o:' + claims.sub.lowerAscii()\0{\"sub\":\"Jane\"}",
    "claims.roles.split(',').filter(r, r != '')\0{\"roles\":\"a,,b\"}",
    "claims.?level.orValue(0) > 5 || has(claims.admin)\0{\"level\":7,\"admin\":true}",
];

/// Scales, and objects that have them.
pub(crate) const SCALES: &[&str] = &[
    "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{},\"spec\":{\"replicas\":3}}\0\
     {\"spec\":{\"replicas\":1},\"status\":{\"replicas\":1,\"selector\":\"a=b\"}}",
];

pub(crate) const ENCRYPTION_CONFIGS: &[&str] = &[
    "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n\
     - resources: [foos.hello.zeng.dev, '*.example.com']\n  providers:\n\
     \x20 - aesgcm: {keys: [{name: one, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=}]}\n\
     \x20 - kms: {apiVersion: v2, name: k, endpoint: 'unix:///run/kms.sock', timeout: 1.5s}\n\
     \x20 - identity: {}\n",
    r#"{"apiVersion":"apiserver.config.k8s.io/v1","kind":"EncryptionConfiguration","resources":[{"resources":["*.*"],"providers":[{"secretbox":{"keys":[{"name":"a","secret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}]}},{"aescbc":{"keys":[{"name":"a","secret":"AAECAwQFBgcICQoLDA0ODw=="}]}}]}]}"#,
    "kind: EncryptionConfiguration\nresources: [{resources: ['*.'], providers: [{kms: {name: 'a:b'}}]}]\n",
];

pub(crate) const SEALED_OBJECTS: &[&str] = &[
    "\n\x04data\x12\x05key-1\x1a\x06sealed\"\x14\n\x0fkey.pintle.test\x12\x011(\x01",
    "\n\x01d\x12\x01k\x1a\x01s",
    "\n\x01d\x12\x01k\x1a\x01s(\x02",
];

pub(crate) const ETCD_ADDRESSES: &[&str] = &[
    "etcd:http://127.0.0.1:2379",
    "etcd:http://a:1,http://[::1]:2,unix:///run/etcd.sock?compaction-seconds=60&health-key=/a/health",
    "etcd:http://a:1?user=root&password=pass",
    "etcd:https://a:1",
];

pub(super) const AUTHENTICATION_CONFIGS: &[&str] = &[
    "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n- issuer: \
     {url: https://issuer.example.com, audiences: [here]}\n  claimMappings: {username: {claim: sub, \
     prefix: ''}, groups: {claim: groups, prefix: 'g:'}}\n",
    "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: \
     {enabled: true, conditions: [{path: /livez}]}\n",
];

pub(super) const TOKEN_FILES: &[&str] =
    &["t,jane,7,\"a,b\"\nu,joe,,c\n", "t,\"j\"\"ane, x\",7,a\r\n\n,nobody,7"];

pub(super) const AUDIT_POLICIES: &[&str] = &[
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- {level: None, \
     nonResourceURLs: ['/healthz*']}\n- {level: Request, users: [a], verbs: [get], resources: [{group: \
     '', resources: [pods/*], resourceNames: [x]}], namespaces: [ns], omitManagedFields: true}\n",
];
