//! From a JSON schema to a [`TypeSchema`].
//!
//! The rules are those of `k8s.io/kube-openapi/pkg/schemaconv`: what Kubernetes' extensions do not
//! say otherwise is granular for maps and atomic for lists. On top come the shapes that `schemars`
//! has and Go has not: the alternatives of an `enum` are laid over one another.

use super::MAX_DEPTH;
use super::object_meta;
use super::schema::{
    DEDUCED, Field, ListKind, ListNode, MapNode, Node, NodeId, OPAQUE, Owned, Scalar, TypeSchema,
};
use serde_json::Value;
use std::collections::HashMap;

impl TypeSchema {
    /// A type from its schema in the flavour of OpenAPI 3, as `schemars` makes it.
    ///
    /// `$ref` leads to `#/components/schemas/…`, `#/$defs/…` or `#/definitions/…` of the same
    /// value; one that leads nowhere, like a schema that says nothing, stands for any value.
    /// `apiVersion`, `kind` and `metadata` need not be declared: they are always those of Kubernetes.
    #[must_use]
    pub fn from_json_schema(root: &Value) -> Self {
        let mut compiler = Compiler::new(root, common_nodes());
        let mut top = compiler.build(root, false, 0);
        let metadata = object_meta::schema();
        let mut of_metadata = Compiler::new(&metadata, compiler.nodes);
        let mut below = of_metadata.build(&metadata, false, 0);
        let mut nodes = of_metadata.nodes;
        let mut add = |node: Node| {
            nodes.push(node);
            id(nodes.len() - 1)
        };
        let name = Node { scalar: Some(Scalar::String), owned: Owned::Never, ..Node::default() };
        let name = add(name);
        below.owned = Owned::Below;
        let metadata = add(below);
        let map = top.map.get_or_insert_default();
        for (field, node) in [("apiVersion", name), ("kind", name), ("metadata", metadata)] {
            map.set(field, node, None);
        }
        let root = add(top);
        let mut schema = Self { nodes: nodes.into_boxed_slice(), root };
        schema.hide(metadata, object_meta::NEVER_OWNED);
        schema
    }

    /// The type of objects of which there is no schema: every map has fields, every list is one value.
    #[must_use]
    pub fn unknown() -> Self {
        Self::from_json_schema(&Value::Bool(true))
    }

    /// Takes fields out of all field sets. Their nodes are shared with nothing.
    fn hide(&mut self, within: NodeId, names: &[&str]) {
        for name in names {
            let map = self.nodes[within as usize].map.as_ref();
            if let Some(node) = map.and_then(|map| map.field(name)).map(|field| field.node) {
                self.nodes[node as usize].owned = Owned::Never;
            }
        }
    }
}

/// The nodes that stand at [`DEDUCED`] and [`OPAQUE`].
fn common_nodes() -> Vec<Node> {
    let node = |items, values, atomic| Node {
        scalar: Some(Scalar::Any),
        list: Some(ListNode { items, kind: ListKind::Atomic }),
        map: Some(MapNode { fields: Vec::new(), values: Some(values), atomic }),
        ..Node::default()
    };
    vec![node(OPAQUE, DEDUCED, false), node(OPAQUE, OPAQUE, true)]
}

fn id(index: usize) -> NodeId {
    NodeId::try_from(index).unwrap_or(DEDUCED)
}

struct Compiler<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// What a reference has become, `true` where it is still in the making.
    named: HashMap<&'a str, (NodeId, bool)>,
}

impl<'a> Compiler<'a> {
    fn new(root: &'a Value, nodes: Vec<Node>) -> Self {
        Self { root, nodes, named: HashMap::new() }
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        id(self.nodes.len() - 1)
    }

    /// The node of a schema: that of its reference where it is one and adds nothing to it.
    fn compile(&mut self, schema: &'a Value, preserve: bool, depth: usize) -> NodeId {
        if depth > MAX_DEPTH || !schema.is_object() || says_nothing(schema) {
            return DEDUCED;
        }
        match plain_reference(schema) {
            Some(reference) => self.reference(reference, depth),
            None => {
                let node = self.build(schema, preserve, depth);
                self.add(node)
            }
        }
    }

    fn reference(&mut self, reference: &'a str, depth: usize) -> NodeId {
        if let Some((id, _)) = self.named.get(reference) {
            return *id;
        }
        let root = self.root;
        let Some(target) = reference.strip_prefix('#').and_then(|path| root.pointer(path)) else {
            return DEDUCED;
        };
        if reference.ends_with("runtime.RawExtension") {
            return OPAQUE;
        }
        let id = self.add(Node::default());
        self.named.insert(reference, (id, true));
        let node = self.build(target, false, depth + 1);
        self.nodes[id as usize] = node;
        self.named.insert(reference, (id, false));
        id
    }

    /// A node of its own, from all that a schema says.
    fn build(&mut self, schema: &'a Value, preserve: bool, depth: usize) -> Node {
        if depth > MAX_DEPTH || !schema.is_object() || says_nothing(schema) {
            return self.nodes[DEDUCED as usize].clone();
        }
        let preserve = preserve || schema["x-kubernetes-preserve-unknown-fields"] == true;
        let mut node = self.by_type(schema, preserve, depth);
        for alternative in alternatives(schema) {
            if let Some(other) = self.alternative(alternative, preserve, depth + 1) {
                node = self.merged(node, other, depth + 1);
            }
        }
        if node.scalar.is_none() && node.list.is_none() && node.map.is_none() {
            // Only a reference to itself or a schema of nulls comes to nothing.
            node = self.nodes[DEDUCED as usize].clone();
        }
        override_with(&mut node, schema);
        node
    }

    fn alternative(&mut self, schema: &'a Value, preserve: bool, depth: usize) -> Option<Node> {
        let Some(reference) = plain_reference(schema) else {
            return Some(self.build(schema, preserve, depth));
        };
        let id = self.reference(reference, depth);
        let in_the_making = self.named.get(reference).is_some_and(|(_, making)| *making);
        (!in_the_making).then(|| self.nodes[id as usize].clone())
    }

    fn by_type(&mut self, schema: &'a Value, preserve: bool, depth: usize) -> Node {
        let mut node = Node::default();
        if schema["x-kubernetes-int-or-string"] == true {
            node.scalar = Some(Scalar::Any);
            return node;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ if !schema["properties"].is_null() || !schema["additionalProperties"].is_null() => {
                vec!["object"]
            }
            _ if !schema["items"].is_null() => vec!["array"],
            _ if alternatives(schema).next().is_some() => Vec::new(),
            _ if !schema["enum"].is_null() || !schema["const"].is_null() => vec!["any"],
            _ => vec!["object", "array", "any"],
        };
        for name in types {
            match name {
                "object" => node.map = Some(self.map(schema, preserve, depth)),
                "array" => {
                    let items = match &schema["items"] {
                        Value::Null => OPAQUE,
                        items => self.compile(items, preserve, depth + 1),
                    };
                    node.list = Some(ListNode { items, kind: ListKind::Atomic });
                }
                "null" => {}
                other => node.add_scalar(scalar(other, schema["format"].as_str())),
            }
        }
        node
    }

    fn map(&mut self, schema: &'a Value, preserve: bool, depth: usize) -> MapNode {
        let mut map = MapNode::default();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let node = self.compile(of, preserve, depth + 1);
            let default = of.get("default").filter(|d| !d.is_null());
            map.set(name, node, default.map(|d| Box::new(d.clone())));
        }
        map.values = match &schema["additionalProperties"] {
            Value::Null if preserve || map.fields.is_empty() => Some(DEDUCED),
            Value::Null => None,
            Value::Bool(allowed) => (*allowed || preserve).then_some(DEDUCED),
            of => Some(self.compile(of, preserve, depth + 1)),
        };
        map
    }

    /// A node for the values of either.
    fn merged(&mut self, mut a: Node, b: Node, depth: usize) -> Node {
        if let Some(scalar) = b.scalar {
            a.add_scalar(scalar);
        }
        a.list = a.list.or(b.list);
        a.map = match (a.map, b.map) {
            (Some(mut map), Some(other)) => {
                for field in other.fields {
                    let node = match map.field(&field.name).map(|f| f.node) {
                        Some(node) if node != field.node && depth < MAX_DEPTH => {
                            let nodes = [node, field.node].map(|n| self.nodes[n as usize].clone());
                            let [x, y] = nodes;
                            let merged = self.merged(x, y, depth + 1);
                            self.add(merged)
                        }
                        _ => field.node,
                    };
                    map.set(&field.name, node, field.default);
                }
                map.values = map.values.or(other.values);
                map.atomic |= other.atomic;
                Some(map)
            }
            (map, other) => map.or(other),
        };
        a.patch_strategy = a.patch_strategy.or(b.patch_strategy);
        a.patch_merge_key = a.patch_merge_key.or(b.patch_merge_key);
        a
    }
}

impl Node {
    fn add_scalar(&mut self, scalar: Scalar) {
        self.scalar = match self.scalar {
            Some(have) if have != scalar => Some(Scalar::Any),
            _ => Some(scalar),
        };
    }
}

impl MapNode {
    fn set(&mut self, name: &str, node: NodeId, default: Option<Box<Value>>) {
        match self.fields.binary_search_by(|f| (*f.name).cmp(name)) {
            Ok(at) => self.fields[at].node = node,
            Err(at) => self.fields.insert(at, Field { name: name.into(), node, default }),
        }
    }
}

/// What Kubernetes' extensions say, beside the schema or beside a reference to it.
fn override_with(node: &mut Node, schema: &Value) {
    let text = |name: &str| schema[name].as_str();
    if let Some(strategy) = text("x-kubernetes-patch-strategy") {
        node.patch_strategy = Some(strategy.into());
    }
    if let Some(key) = text("x-kubernetes-patch-merge-key") {
        node.patch_merge_key = Some(key.into());
    }
    if let (Some(map), Some(kind)) = (&mut node.map, text("x-kubernetes-map-type")) {
        map.atomic = kind == "atomic";
    }
    if let (Some(list), Some(kind)) = (&mut node.list, list_kind(schema)) {
        list.kind = kind;
    }
}

fn list_kind(schema: &Value) -> Option<ListKind> {
    let keyed = |mut keys: Vec<Box<str>>| {
        keys.sort();
        if keys.is_empty() { ListKind::Atomic } else { ListKind::Map(keys.into()) }
    };
    if let Some(kind) = schema["x-kubernetes-list-type"].as_str() {
        let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
        return Some(match kind {
            "set" => ListKind::Set,
            "map" => keyed(keys.filter_map(Value::as_str).map(Into::into).collect()),
            _ => ListKind::Atomic,
        });
    }
    match schema["x-kubernetes-patch-strategy"].as_str()? {
        "merge" | "merge,retainKeys" => match schema["x-kubernetes-patch-merge-key"].as_str() {
            Some(key) => Some(keyed(vec![key.into()])),
            None => Some(ListKind::Set),
        },
        _ => Some(ListKind::Atomic),
    }
}

fn scalar(kind: &str, format: Option<&str>) -> Scalar {
    match (kind, format) {
        ("integer" | "number", _) => Scalar::Number,
        ("string", None | Some("" | "byte")) => Scalar::String,
        ("boolean", _) => Scalar::Bool,
        _ => Scalar::Any,
    }
}

/// The schemas of which a value has to match one or all, but those that only allow `null`.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let reference = schema["$ref"].is_string().then_some(schema).filter(|s| !is_only_reference(s));
    let lists = ["allOf", "anyOf", "oneOf"].into_iter();
    let of_lists = lists.flat_map(|list| schema[list].as_array().into_iter().flatten());
    // A reference with something beside it is an alternative of itself; `build` adds the rest.
    reference.map(|s| &s["$ref"]).into_iter().chain(of_lists).filter(|s| !is_null(s))
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
        || schema["enum"].as_array().is_some_and(|e| e.iter().all(Value::is_null) && !e.is_empty())
        || schema.get("const").is_some_and(Value::is_null)
}

/// The keywords that change nothing about how values merge.
const NOTES: [&str; 8] =
    ["default", "deprecated", "description", "example", "nullable", "readOnly", "title", "$schema"];

fn is_only_reference(schema: &Value) -> bool {
    let words = schema.as_object().into_iter().flatten().map(|(word, _)| word.as_str());
    schema["$ref"].is_string() && words.filter(|w| *w != "$ref").all(|w| NOTES.contains(&w))
}

fn says_nothing(schema: &Value) -> bool {
    schema.as_object().is_some_and(|words| words.keys().all(|w| NOTES.contains(&w.as_str())))
}

/// Where a schema is nothing but a reference, with notes or a choice of `null` beside it.
fn plain_reference(schema: &Value) -> Option<&str> {
    if let Some(reference) = schema.as_str() {
        return Some(reference);
    }
    if is_only_reference(schema) {
        return schema["$ref"].as_str();
    }
    let mut words = schema.as_object()?.keys().filter(|w| !NOTES.contains(&w.as_str()));
    let (word, None) = (words.next()?, words.next()) else { return None };
    if !matches!(word.as_str(), "allOf" | "anyOf" | "oneOf") {
        return None;
    }
    let mut choices = schema[word].as_array()?.iter().filter(|s| !is_null(s));
    let (choice, None) = (choices.next()?, choices.next()) else { return None };
    plain_reference(choice)
}
