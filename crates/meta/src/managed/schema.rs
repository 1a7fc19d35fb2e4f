//! What patches need to know of a type: which lists have items with names, and which maps and
//! lists are one value.
//!
//! The form is small and flat, so that a walk over an object and its type together costs one
//! look-up a field. How it is made from a JSON schema is in `compile`.

use serde_json::Value;

/// A type of objects as patches see it, made from its JSON schema once.
///
/// ```
/// use pintle_meta::managed::{ListType, TypeSchema};
/// use serde_json::json;
///
/// let schema = TypeSchema::from_json_schema(&json!({
///     "type": "object",
///     "properties": {"ports": {
///         "type": "array",
///         "items": {"type": "object", "properties": {"name": {"type": "string"}}},
///         "x-kubernetes-list-type": "map",
///         "x-kubernetes-list-map-keys": ["name"],
///     }},
/// }));
/// let ports = schema.root().field("ports").unwrap();
/// assert!(matches!(ports.list_type(), Some(ListType::Map(keys)) if &*keys[0] == "name"));
/// let owners = schema.root().field("metadata").unwrap().field("ownerReferences").unwrap();
/// assert_eq!(owners.patch_merge_key(), Some("uid"));
/// ```
#[derive(Clone, Debug)]
pub struct TypeSchema {
    pub(super) nodes: Box<[Node]>,
    pub(super) root: NodeId,
}

/// A place in a [`TypeSchema`]: the type of the object, of a field, or of an item.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    nodes: &'a [Node],
    node: &'a Node,
}

/// How the items of a list relate, `x-kubernetes-list-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType<'a> {
    /// The list is one value.
    Atomic,
    /// The items are scalars, each there or not there.
    Set,
    /// The items are objects that these fields name, `x-kubernetes-list-map-keys`.
    Map(&'a [Box<str>]),
}

pub(super) type NodeId = u32;

/// The node for values of which nothing is known: maps have fields, lists are one value.
pub(super) const DEDUCED: NodeId = 0;
/// The node for values that are one whatever they hold.
pub(super) const OPAQUE: NodeId = 1;

/// What values a type has; most types have one of the three parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) scalar: Option<Scalar>,
    pub(super) list: Option<ListNode>,
    pub(super) map: Option<MapNode>,
    pub(super) owned: Owned,
    pub(super) patch_strategy: Option<Box<str>>,
    pub(super) patch_merge_key: Option<Box<str>>,
}

/// Whether ownership of a field is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Owned {
    #[default]
    Yes,
    /// Only of what is below it: `metadata`.
    Below,
    /// Never: `kind`, `metadata.name`, `metadata.uid` and their like.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Number,
    String,
    Bool,
    Any,
}

#[derive(Clone, Debug)]
pub(super) struct ListNode {
    pub(super) items: NodeId,
    pub(super) kind: ListKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Atomic,
    Set,
    /// The keys, sorted, which is how an item is named.
    Map(Box<[Box<str>]>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct MapNode {
    /// The declared fields, sorted by name.
    pub(super) fields: Vec<Field>,
    /// The type of fields that are not declared, where there may be any.
    pub(super) values: Option<NodeId>,
    pub(super) atomic: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) node: NodeId,
    /// The schema's default, which names an item of a list that leaves a key out.
    pub(super) default: Option<Box<Value>>,
}

/// The part of a type that a value falls under.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'a> {
    Map(&'a MapNode),
    Scalar(Scalar),
    List(&'a ListNode),
}

impl TypeSchema {
    /// The type of the whole object.
    #[must_use]
    pub fn root(&self) -> Type<'_> {
        Type { nodes: &self.nodes, node: &self.nodes[self.root as usize] }
    }
}

impl<'a> Type<'a> {
    fn at(self, id: NodeId) -> Self {
        Self { nodes: self.nodes, node: &self.nodes[id as usize] }
    }

    /// The type of a field, declared or not; `None` where there can be no such field.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Self> {
        self.declared(name).or_else(|| self.values())
    }

    /// The type of a field that the schema names.
    #[must_use]
    pub fn declared(self, name: &str) -> Option<Self> {
        self.node.map.as_ref()?.field(name).map(|field| self.at(field.node))
    }

    /// The type of the fields that the schema does not name, `additionalProperties`.
    #[must_use]
    pub fn values(self) -> Option<Self> {
        self.node.map.as_ref()?.values.map(|id| self.at(id))
    }

    /// The type of the items of a list.
    #[must_use]
    pub fn items(self) -> Option<Self> {
        self.node.list.as_ref().map(|list| self.at(list.items))
    }

    /// How the items of a list relate; `None` where no value is a list.
    #[must_use]
    pub fn list_type(self) -> Option<ListType<'a>> {
        self.node.list.as_ref().map(|list| match &list.kind {
            ListKind::Atomic => ListType::Atomic,
            ListKind::Set => ListType::Set,
            ListKind::Map(keys) => ListType::Map(keys),
        })
    }

    /// Whether a map or struct is one value, `x-kubernetes-map-type: atomic`.
    #[must_use]
    pub fn is_atomic_map(self) -> bool {
        self.node.map.as_ref().is_some_and(|map| map.atomic)
    }

    /// `x-kubernetes-patch-merge-key`: what names an item in a strategic merge patch.
    #[must_use]
    pub fn patch_merge_key(self) -> Option<&'a str> {
        self.node.patch_merge_key.as_deref()
    }

    /// `x-kubernetes-patch-strategy`: `merge`, `replace`, `retainKeys` or several with commas.
    #[must_use]
    pub fn patch_strategy(self) -> Option<&'a str> {
        self.node.patch_strategy.as_deref()
    }

    pub(super) fn owned(self) -> Owned {
        self.node.owned
    }

    /// The default that the schema gives a field.
    pub(super) fn default_of(self, field: &str) -> Option<&'a Value> {
        self.node.map.as_ref()?.field(field)?.default.as_deref()
    }

    /// The type of a field that is there, whatever the schema says of it.
    pub(super) fn below(self, field: &str) -> Self {
        self.field(field).unwrap_or_else(|| self.at(DEDUCED))
    }

    pub(super) fn of_items(self, list: &ListNode) -> Self {
        self.at(list.items)
    }

    /// The part that a value falls under; for `null` and for a value of the wrong kind the first
    /// part that there is, as in Go.
    pub(super) fn shape(self, value: &Value) -> Shape<'a> {
        let node = self.node;
        let exact = match value {
            Value::Object(_) => node.map.as_ref().map(Shape::Map),
            Value::Array(_) => node.list.as_ref().map(Shape::List),
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => node.scalar.map(Shape::Scalar),
        };
        exact.unwrap_or_else(|| self.first_shape())
    }

    pub(super) fn first_shape(self) -> Shape<'a> {
        match self.node {
            Node { map: Some(map), .. } => Shape::Map(map),
            Node { scalar: Some(scalar), .. } => Shape::Scalar(*scalar),
            Node { list: Some(list), .. } => Shape::List(list),
            _ => Shape::Scalar(Scalar::Any),
        }
    }

    pub(super) fn map_is_deduced(self, map: &MapNode) -> bool {
        map.fields.is_empty() && map.values == Some(DEDUCED)
    }
}

impl Shape<'_> {
    pub(super) fn is_like(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Map(_), Self::Map(_))
                | (Self::Scalar(_), Self::Scalar(_))
                | (Self::List(_), Self::List(_))
        )
    }
}

impl MapNode {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|f| (*f.name).cmp(name)).ok()?;
        Some(&self.fields[at])
    }
}
