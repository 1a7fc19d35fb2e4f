//! No client: nothing here can be made, so nothing can be asked.

use super::Failure;
use crate::metrics::Histogram;
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Another server; none can be reached.
#[derive(Debug)]
pub(crate) enum Upstream {}

/// The events of a watch; there are none.
#[derive(Debug)]
pub(crate) enum Follow {}

const WHY: &str = "this program was built without the feature \"client\" of pintle";

impl Upstream {
    pub(crate) async fn from_kubeconfig(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, WHY))
    }

    pub(crate) async fn of_webhook(_: &Path) -> io::Result<(Self, String)> {
        Err(io::Error::new(io::ErrorKind::Unsupported, WHY))
    }

    pub(crate) fn in_cluster() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, WHY))
    }

    pub(crate) fn of_origin(_: &str, _: Option<&str>) -> Result<Self, String> {
        Err(WHY.to_owned())
    }

    pub(crate) fn answered(&self) -> Vec<(String, Arc<Histogram>)> {
        match *self {}
    }

    pub(crate) async fn get(&self, _: &str) -> Result<Bytes, Failure> {
        match *self {}
    }

    pub(crate) async fn create(&self, _: &str, _: &serde_json::Value) -> Result<Bytes, Failure> {
        match *self {}
    }

    pub(crate) async fn post(&self, _: &str, _: Bytes) -> Result<Bytes, Failure> {
        match *self {}
    }

    pub(crate) async fn follow(&self, _: &str) -> Result<Follow, Failure> {
        match *self {}
    }
}

impl Follow {
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match *self {}
    }
}
