//! Version 2 of the hello API: the hub.

use kube::CustomResource;
use pintle::{Columns, FieldErrors, Hub, NameRule, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Foo runs a container that says something.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "hello.zeng.dev", version = "v2", kind = "Foo", plural = "foos", shortname = "fo")]
#[kube(namespaced, status = "FooStatus", derive = "Default")]
#[serde(default)]
pub struct FooSpec {
    /// Container image that the container is running to do our foo work
    pub image: String,
    /// Config is the configuration used by foo container
    pub config: FooConfig,
}

/// What a foo says; on its own it is the subresource config.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "hello.zeng.dev", version = "v2", kind = "Config", namespaced)]
#[serde(default)]
pub struct FooConfig {
    /// Msg says hello world!
    pub msg: String,
    /// Msg1 provides some verbose information
    #[serde(skip_serializing_if = "String::is_empty")]
    pub msg1: String,
}

/// Where a foo is in its life.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct FooStatus {
    /// The phase of a Foo is a simple, high-level summary of where the Foo is in its lifecycle
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Represents the latest available observations of a foo's current state
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-patch-merge-key" = "type"))]
    #[schemars(extend("x-kubernetes-patch-strategy" = "merge"))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<FooCondition>,
}

/// One observation.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct FooCondition {
    /// Worker or Config
    pub r#type: String,
    /// True, False or Unknown
    pub status: String,
}

impl Hub for Foo {
    fn set_defaults(&mut self) {
        self.status.get_or_insert_default();
    }

    fn prepare_create(&mut self, _: &Request) {
        self.status = Some(FooStatus { phase: "Processing".to_owned(), conditions: Vec::new() });
    }

    fn validate(&self, errors: &mut FieldErrors) {
        if self.spec.image.is_empty() {
            errors.required("spec.image");
        } else if self.spec.config.msg.is_empty() {
            errors.required("spec.config.msg");
        }
    }

    // A foo is checked when it is made and left to its owner from then on.
    fn validate_update(&self, _: &Self, _: &mut FieldErrors) {}

    fn columns(table: &mut Columns<Self>) {
        table.column("Status", |foo| foo.status.as_ref().map_or("", |it| &it.phase).into());
        table.format("status").describe("status of where the Foo is in its lifecycle");
        table.age();
        table.wide("Message", |foo| (&foo.spec.config.msg).into());
        table.format("message").describe("foo message");
        table.wide("Message1", |foo| (&foo.spec.config.msg1).into());
        table.format("message1").describe("foo message plus");
    }

    fn name_rule() -> NameRule {
        NameRule::PathSegment
    }
}
