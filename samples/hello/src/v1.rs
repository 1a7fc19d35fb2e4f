//! Version 1 of the hello API, from before a foo had an image and a status.

use crate::v2;
use kube::CustomResource;
use pintle::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the image of a foo rides in version 1.
const IMAGE: &str = "spec.image";

/// Foo says something.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "hello.zeng.dev", version = "v1", kind = "Foo", plural = "foos", shortname = "fo")]
#[kube(namespaced, derive = "Default")]
#[serde(default)]
pub struct FooSpec {
    /// Msg says hello world!
    pub msg: String,
    /// Msg1 provides some verbose information
    pub msg1: String,
}

impl Version for Foo {
    type Hub = v2::Foo;

    fn set_defaults(&mut self) {
        let name = self.metadata.name.clone().unwrap_or_default();
        let labels = self.metadata.labels.get_or_insert_default();
        labels.insert("hello.zeng.dev/metadata.name".to_owned(), name);
        let annotations = self.metadata.annotations.get_or_insert_default();
        annotations.insert(IMAGE.to_owned(), "busybox:1.36".to_owned());
    }

    fn up(self) -> v2::Foo {
        let image = self.metadata.annotations.as_ref().and_then(|all| all.get(IMAGE).cloned());
        let config = v2::FooConfig { msg: self.spec.msg, msg1: self.spec.msg1 };
        let spec = v2::FooSpec { image: image.unwrap_or_default(), config };
        v2::Foo { metadata: self.metadata, spec, status: None }
    }

    fn down(hub: v2::Foo) -> Self {
        let v2::FooConfig { msg, msg1 } = hub.spec.config;
        let mut foo = Self { metadata: hub.metadata, spec: FooSpec { msg, msg1 } };
        let annotations = foo.metadata.annotations.get_or_insert_default();
        annotations.insert(IMAGE.to_owned(), hub.spec.image);
        foo
    }
}
