//! Kinds: what the author of an API writes about a type, and its form with the type out of view.
//!
//! One version of a kind is its *hub*: hooks, validation and the storage see only that one. Every
//! other version says how it becomes the hub and how it is made from it. Both traits show all their
//! methods on one page and have a default for each but the conversion.

mod declared;
mod hooks;
mod version;

pub use declared::schema;
pub use hooks::GarbageCollectionPolicy;
pub use hooks::Hooks;
pub use version::{VersionInfo, zero};

use crate::columns::{Columns, Table};
use crate::field::FieldErrors;
use crate::object::{Object, Served, is_namespaced};
use crate::request::Request;
use crate::schema::Rules;
use crate::validation::NameRule;
use declared::{declared_schema, printed};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion;
use kube_core::CustomResourceExt;
use std::sync::Arc;
use version::{hub_version, older_version};

/// A kind in the version that the storage, the hooks and the other versions meet at.
///
/// All methods have defaults. They are called in this order: `set_defaults` whenever an object is
/// decoded or prepared; for a create `prepare_create`, `validate`, `warnings`; for an update or a patch
/// `prepare_update`, `validate_update`, `warnings`. Admission plugins come between decoding and
/// preparation. In all of these the metadata are without `managedFields`, which the server keeps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the hub of a kind",
    label = "there is no `impl Hub for {Self}`",
    note = "every method has a default: `impl Hub for {Self} {{}}` is enough",
    note = "an older version of a kind is given to `Kind::version`, and is a `Version`"
)]
pub trait Hub: Served {
    /// Fills in what a client may leave out. Runs at every decoding, also of stored objects, so it
    /// must leave alone what is there and give the same result again.
    fn set_defaults(&mut self) {}

    /// Sets what the server owns in a new object, for example an initial status.
    fn prepare_create(&mut self, request: &Request) {
        let _ = request;
    }

    /// Sets what the server owns in an object that replaces `old`.
    fn prepare_update(&mut self, old: &Self, request: &Request) {
        let _ = (old, request);
    }

    /// Finds what is wrong with a new object; all findings are reported at once.
    fn validate(&self, errors: &mut FieldErrors) {
        let _ = errors;
    }

    /// Finds what is wrong with an object that replaces `old`; by default what [`validate`](Hub::validate) finds.
    fn validate_update(&self, old: &Self, errors: &mut FieldErrors) {
        let _ = old;
        self.validate(errors);
    }

    /// What the client should be warned of, one `Warning` header each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The columns that `kubectl get` shows; the name always comes first. By default those of
    /// kube-derive's `printcolumn`, and without any the time of creation.
    fn columns(table: &mut Columns<Self>) {
        table.by_default = true;
        table.created_at();
    }

    /// What a name must look like: by default a DNS subdomain, as for most kinds of Kubernetes.
    #[must_use]
    fn name_rule() -> NameRule {
        NameRule::Dns1123Subdomain
    }

    /// Whether an update may come without a resource version and overwrite whatever is there.
    #[must_use]
    fn allows_unconditional_update() -> bool {
        false
    }

    /// Whether an update of an object that does not exist creates it.
    #[must_use]
    fn allows_create_on_update() -> bool {
        false
    }

    /// Whether what the schema asks for beyond the types of fields is asked of every object: ranges,
    /// lengths, patterns, enumerations, formats, required fields, and rules in CEL.
    ///
    /// An object is checked before [`validate`](Hub::validate), in the words that Kubernetes has for
    /// custom resources. An older version is checked by its own schema too, when a client writes in
    /// it. What an update leaves as it was is not held against it.
    #[must_use]
    fn checks_schema() -> bool {
        true
    }

    /// Whether a list that the schema calls a set or a map may have no item twice, as with custom
    /// resources. Server-side apply refuses such lists in any case; k8s.io/apiserver takes them else.
    #[must_use]
    fn checks_lists() -> bool {
        false
    }

    /// Whether the server counts `metadata.generation`: 1 for a new object, one more for each write
    /// that changes anything but the metadata and the status.
    ///
    /// A deletion that has to wait counts as well, as soon as there is a generation. See
    /// [metadata](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#metadata).
    #[must_use]
    fn counts_generation() -> bool {
        false
    }

    /// How many seconds an object gets to end that is to be deleted; `asked` is what the client says.
    ///
    /// By default none: an object that waits for no finalizer is gone at once. With some it stays,
    /// with the time of its end in `metadata.deletionTimestamp`, until whoever ends it deletes it
    /// again with zero seconds. A pod says `Some(asked.unwrap_or(30))`. See
    /// [pod termination](https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination).
    fn grace_period_seconds(&self, asked: Option<u32>) -> Option<u32> {
        let _ = asked;
        None
    }

    /// What becomes of the objects that an object owns, where a client that deletes it does not say.
    #[must_use]
    fn garbage_collection_policy() -> GarbageCollectionPolicy {
        GarbageCollectionPolicy::DeleteDependents
    }
}

/// Another version of a kind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a version of a kind",
    label = "there is no `impl Version for {Self}`",
    note = "say with `impl Version for {Self}` how it becomes the hub and how it is made from it"
)]
pub trait Version: Served {
    /// The version that this one converts to and from.
    type Hub: Hub;

    /// Fills in what a client may leave out in this version, before it becomes the hub.
    fn set_defaults(&mut self) {}

    /// This object in the hub version. What the hub cannot hold must ride in metadata, or it is lost.
    fn up(self) -> Self::Hub;

    /// A hub object in this version. What this version cannot hold must ride in metadata, or a
    /// client that reads and writes back at this version loses it.
    fn down(hub: Self::Hub) -> Self;
}

/// A kind with its types out of view: names, versions, hooks, columns.
#[derive(Clone, Debug)]
pub struct KindInfo {
    /// The API group.
    pub group: String,
    /// The kind, for example `Foo`.
    pub kind: String,
    /// The kind of a list, for example `FooList`.
    pub list_kind: String,
    /// The resource, for example `foos`.
    pub plural: String,
    /// The resource for one, for example `foo`.
    pub singular: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Names for people in a hurry.
    pub short_names: Vec<String>,
    /// Sets of kinds that this one belongs to, for example `all`.
    pub categories: Vec<String>,
    /// The served versions; the first is the hub.
    pub versions: Vec<VersionInfo>,
    /// What runs on writes.
    pub hooks: Hooks,
    /// The columns.
    pub table: Table,
    /// What a name must look like.
    pub name_rule: NameRule,
    /// See [`Hub::allows_unconditional_update`].
    pub allows_unconditional_update: bool,
    /// See [`Hub::allows_create_on_update`].
    pub allows_create_on_update: bool,
    /// See [`Hub::counts_generation`].
    pub counts_generation: bool,
    /// See [`Hub::checks_schema`].
    pub checks_schema: bool,
    /// See [`Hub::checks_lists`].
    pub checks_lists: bool,
    /// See [`Hub::garbage_collection_policy`].
    pub garbage_collection_policy: GarbageCollectionPolicy,
    /// Rules in the schemas that can never be checked; such a kind must not be served.
    pub problems: Vec<String>,
}

impl KindInfo {
    /// Describes a kind by its hub, whose names, scope and subresources kube-derive knows.
    #[must_use]
    pub fn of<K: Hub + CustomResourceExt>() -> Self
    where
        K::Scope: 'static,
    {
        let declared = K::crd().spec;
        let names = declared.names;
        let mut kind = Self::plain::<K>();
        kind.list_kind = names.list_kind.unwrap_or(kind.list_kind);
        kind.singular = names.singular.unwrap_or(kind.singular);
        kind.plural = names.plural;
        kind.short_names = names.short_names.unwrap_or_default();
        kind.categories = names.categories.unwrap_or_default();
        kind.versions = vec![hub_version::<K>(&declared.versions)];
        kind.versions[0].schema = declared_schema::<K>;
        kind.compile_rules(&declared.versions);
        if let Some(table) = printed::<K>(&declared.versions) {
            kind.table = table;
        }
        kind
    }

    /// Describes a kind whose type was not derived: its names are formed as Kubernetes forms them,
    /// and it has no subresources.
    #[must_use]
    pub fn plain<K: Hub>() -> Self
    where
        K::Scope: 'static,
    {
        let kind = K::kind(&()).into_owned();
        let mut table = Columns::<K>::new();
        K::columns(&mut table);
        Self {
            group: K::group(&()).into_owned(),
            list_kind: format!("{kind}List"),
            singular: kind.to_lowercase(),
            kind,
            plural: K::plural(&()).into_owned(),
            namespaced: is_namespaced::<K>(),
            short_names: Vec::new(),
            categories: Vec::new(),
            versions: vec![hub_version::<K>(&[])],
            hooks: Hooks::of::<K>(),
            table: table.erase(),
            name_rule: K::name_rule(),
            allows_unconditional_update: K::allows_unconditional_update(),
            allows_create_on_update: K::allows_create_on_update(),
            counts_generation: K::counts_generation(),
            checks_schema: K::checks_schema(),
            checks_lists: K::checks_lists(),
            garbage_collection_policy: K::garbage_collection_policy(),
            problems: Vec::new(),
        }
    }

    /// Compiles the rules of the version that was added last.
    fn compile_rules(&mut self, declared: &[CustomResourceDefinitionVersion]) {
        let wanted = self.checks_schema || self.checks_lists;
        let Some(version) = self.versions.last_mut().filter(|_| wanted) else { return };
        let schema = declared.iter().find_map(|v| v.schema.as_ref()?.open_api_v3_schema.as_ref());
        let schema = serde_json::to_value(schema).unwrap_or_default();
        match Rules::compile(&schema) {
            Ok(rules) if rules.is_empty() && !(self.checks_lists && rules.has_lists()) => {}
            Ok(rules) => version.rules = Some(Arc::new(rules)),
            Err(problems) => {
                let kind = format!("{} {}", version.api_version, self.kind);
                let problems = problems.into_iter().map(|problem| format!("{kind}: {problem}"));
                self.problems.extend(problems);
            }
        }
    }

    /// Adds a version that converts to and from the hub.
    pub fn add_version<V: Version + CustomResourceExt>(&mut self) {
        let declared = V::crd().spec.versions;
        self.versions.push(older_version::<V>(&declared));
        self.compile_rules(&declared);
    }

    /// The version that the storage and the hooks see.
    #[must_use]
    pub fn hub(&self) -> &VersionInfo {
        &self.versions[0]
    }

    /// The position of a version in [`versions`](KindInfo::versions).
    #[must_use]
    pub fn version_index(&self, version: &str) -> Option<usize> {
        self.versions.iter().position(|v| v.version == version)
    }
}

/// The object as its type.
///
/// # Panics
/// Where it is of another kind, which the registration rules out.
#[must_use]
pub fn of<T: Served>(object: &dyn Object) -> &T {
    object.downcast().expect("hooks get objects of their own kind")
}

/// The object as its type, to change.
///
/// # Panics
/// Where it is of another kind, which the registration rules out.
#[must_use]
pub fn of_mut<T: Served>(object: &mut dyn Object) -> &mut T {
    object.downcast_mut().expect("hooks get objects of their own kind")
}
