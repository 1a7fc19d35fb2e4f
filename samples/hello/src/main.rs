//! hello.zeng.dev: foos in two versions, with parts, an action and an admission plugin.

#![allow(unreachable_pub, reason = "types are public, as in a library")]

mod base64;
mod v1;
mod v2;

use pintle::{Admission, Attributes, Kind, Object, Operation, Server, Status, async_trait};
use std::process::ExitCode;

/// Keeps foos out of kube-system.
#[derive(Debug)]
struct DisallowFoo;

#[async_trait]
impl Admission for DisallowFoo {
    async fn validate(&self, at: &Attributes<'_>, _: Option<&dyn Object>) -> Result<(), Status> {
        if at.operation == Operation::Create && at.request.namespace == "kube-system" {
            return Err(at.forbidden(
                "namespace/kube-system is not permitted, please change the resource namespace",
            ));
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let foos = Kind::<v2::Foo>::new()
        .version::<v1::Foo>()
        .status_writable_everywhere()
        .part(
            "config",
            |foo| v2::Config::new("", foo.spec.config.clone()),
            |foo, config| foo.spec.config = config.spec,
        )
        .action("base64", base64::base64)
        .protobuf();
    Server::new("hello-apiserver")
        .about("Foos that say something, as a Kubernetes API")
        .kind(foos)
        .admit(DisallowFoo)
        .backend(pintle_etcd::Etcd)
        .backend(pintle_sql::Sql)
        .run()
}
