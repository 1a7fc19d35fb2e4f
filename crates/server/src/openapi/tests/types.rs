//! The types of hello, as its author would write them.

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Base64 {
    spec: Base64Spec,
    #[schemars(default)]
    status: Option<Base64Status>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Base64Spec {
    /// Path of the field to select in the specified object.
    field_path: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Base64Status {
    output: String,
}

pub(super) mod v1 {
    use schemars::JsonSchema;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    pub(crate) struct Foo {
        spec: FooSpec,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct FooSpec {
        msg: String,
        msg1: Option<String>,
    }
}

pub(super) mod v2 {
    use schemars::JsonSchema;

    /// A Foo says hello.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    pub(crate) struct Foo {
        spec: FooSpec,
        status: Option<FooStatus>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct FooSpec {
        /// Container image that the container is running to do our foo work
        image: String,
        /// Config is the configuration used by foo container
        config: FooConfig,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct FooConfig {
        /// Msg says hello world!
        msg: String,
        /// Msg1 provides some verbose information
        msg1: Option<String>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct FooStatus {
        /// Where the Foo is in its lifecycle
        phase: Option<FooPhase>,
        /// The latest observations
        #[schemars(extend(
            "x-kubernetes-patch-merge-key" = "type",
            "x-kubernetes-patch-strategy" = "merge"
        ))]
        conditions: Option<Vec<FooCondition>>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    enum FooPhase {
        /// Work is under way
        Processing,
        /// All is done
        Ready,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct FooCondition {
        r#type: String,
        status: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    pub(crate) struct Config {
        spec: ConfigSpec,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct ConfigSpec {
        msg: String,
        msg1: Option<String>,
    }
}
