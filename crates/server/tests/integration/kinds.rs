//! The kinds that the servers under test serve.

use kube::CustomResource;
use pintle::{Columns, FieldErrors, Hub, Kind, Request, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A Widget is a thing with a size.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "test.example.com", version = "v1", kind = "Widget", namespaced)]
#[serde(default)]
pub(crate) struct WidgetSpec {
    /// How large it is.
    pub size: i64,
    /// What it is painted with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub color: String,
    /// What it is good for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
}

/// A widget with this color makes its hook panic.
pub(crate) const PANIC: &str = "panic";

impl Hub for Widget {
    fn prepare_create(&mut self, _: &Request) {
        assert_ne!(self.spec.color, PANIC, "a hook panics, as the test wants it");
    }

    fn prepare_update(&mut self, _: &Self, _: &Request) {
        assert_ne!(self.spec.color, PANIC, "a hook panics, as the test wants it");
    }

    fn validate(&self, errors: &mut FieldErrors) {
        if self.spec.size < 0 {
            errors.invalid("spec.size", self.spec.size, "must not be negative");
        }
    }

    fn columns(table: &mut Columns<Self>) {
        table.column("Color", |widget| (&widget.spec.color).into());
        table.age();
    }
}

/// A Task has a status of its own.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "test.example.com", version = "v1", kind = "Task", namespaced)]
#[kube(status = "TaskStatus")]
#[serde(default)]
pub(crate) struct TaskSpec {
    /// What is to be done.
    pub todo: String,
}

/// How far a task is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TaskStatus {
    /// The phase.
    pub phase: String,
}

impl Hub for Task {}

/// A Note may be written without having been read.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "test.example.com", version = "v1", kind = "Note")]
#[serde(default)]
pub(crate) struct NoteSpec {
    /// What it says.
    pub text: String,
}

impl Hub for Note {
    fn allows_unconditional_update() -> bool {
        true
    }

    fn allows_create_on_update() -> bool {
        true
    }
}

/// A server with all of them.
pub(crate) fn server() -> Server {
    Server::new("test-apiserver")
        .kind(Kind::<Widget>::new())
        .kind(Kind::<Task>::new().status().protobuf())
        .kind(Kind::<Note>::new())
}

/// A server whose widgets are in memory only while they are needed.
pub(crate) fn lazy_server(idle: Duration) -> Server {
    Server::new("test-apiserver").kind(Kind::<Widget>::new().lazy_cache(idle))
}

/// The widgets of the namespace `default`.
pub(crate) const WIDGETS: &str = "/apis/test.example.com/v1/namespaces/default/widgets";
/// The tasks of the namespace `default`.
pub(crate) const TASKS: &str = "/apis/test.example.com/v1/namespaces/default/tasks";
/// The notes.
pub(crate) const NOTES: &str = "/apis/test.example.com/v1/notes";

/// A widget as JSON.
pub(crate) fn widget(name: &str, size: i64) -> String {
    format!(
        r#"{{"apiVersion":"test.example.com/v1","kind":"Widget","metadata":{{"name":"{name}"}},"spec":{{"size":{size}}}}}"#
    )
}

/// A widget as JSON, with a color as a label and in its spec.
pub(crate) fn colored(name: &str, color: &str) -> String {
    format!(
        r#"{{"apiVersion":"test.example.com/v1","kind":"Widget","metadata":{{"name":"{name}","labels":{{"color":"{color}"}}}},"spec":{{"color":"{color}"}}}}"#
    )
}
