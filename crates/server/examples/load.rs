//! The load of this machine as a kind that nobody writes: it is read at each request, as
//! metrics-server does with the metrics of nodes.
//!
//! `kubectl get loads` shows the machine's load averages.

use kube::CustomResource;
use pintle::{Columns, Hub, Kind, Request, Rest, Server, Status, async_trait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::ExitCode;

/// Where Linux tells the load.
const SOURCE: &str = "/proc/loadavg";

/// A Load is how busy a machine was, on average.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "metrics.example.com", version = "v1", kind = "Load")]
#[serde(rename_all = "camelCase")]
struct LoadSpec {
    /// The average of the last minute.
    last_minute: String,
    /// The average of the last five minutes.
    last_five_minutes: String,
    /// The average of the last quarter of an hour.
    last_quarter: String,
}

impl Hub for Load {
    fn columns(table: &mut Columns<Self>) {
        table.column("1m", |load| (&load.spec.last_minute).into());
        table.column("5m", |load| (&load.spec.last_five_minutes).into());
        table.wide("15m", |load| (&load.spec.last_quarter).into());
    }
}

/// Reads the load when somebody asks.
#[derive(Debug)]
struct Now;

#[async_trait]
impl Rest for Now {
    type Kind = Load;

    async fn list(&self, _: &Request) -> Result<Vec<Load>, Status> {
        let failed = |why| Status::internal(format!("cannot read {SOURCE}: {why}"));
        let text = fs::read_to_string(SOURCE).map_err(|error| failed(error.to_string()))?;
        let mut averages = text.split_whitespace().map(str::to_owned);
        let mut next = || averages.next().ok_or_else(|| failed("it ends early".to_owned()));
        let (last_minute, last_five_minutes, last_quarter) = (next()?, next()?, next()?);
        let spec = LoadSpec { last_minute, last_five_minutes, last_quarter };
        Ok(vec![Load::new("this-machine", spec)])
    }
}

fn main() -> ExitCode {
    Server::new("load-apiserver").about("The load of this machine").kind(Kind::rest(Now)).run()
}
