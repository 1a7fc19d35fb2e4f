//! The work that is measured, as a table.

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::etcd::How;
use crate::feed::Manner;
use crate::objects::{self, FILLED};

/// A page of a list, as kubectl and client-go ask for it.
pub(crate) const PAGE_OBJECTS: u64 = 500;

/// One kind of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it is, in words.
    pub(crate) what: &'static str,
    /// What is sent.
    pub(crate) work: Work,
}

/// What a scenario sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// GET of one object after the other.
    Get(&'static str),
    /// GET of a list.
    List(List),
    /// GET of the page at the far end, through `continue`.
    LastPage,
    /// GET of a document that tells what is served.
    Document(Document),
    /// Puts into the etcd behind the server, past the server.
    EtcdPut(How),
    /// POST of new objects.
    Create,
    /// PATCH of one field.
    Change(Manner),
    /// PUT with the version that the last answer told.
    Update,
    /// DELETE of what was created.
    Delete,
    /// Events of creates, to many watchers.
    Watch,
}

/// A document that tells what is served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document {
    /// Where it is.
    pub(crate) path: &'static str,
    /// What `Accept` asks for.
    pub(crate) accept: &'static str,
}

/// A list that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// Empty, or from the question mark on.
    pub(crate) query: &'static str,
    /// What `Accept` asks for.
    pub(crate) form: Form,
    /// What the answer must hold.
    pub(crate) holds: Holds,
}

/// How a list is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Plain JSON.
    Json,
    /// What kubectl prints.
    Table,
    /// Protobuf.
    Protobuf,
    /// Metadata only.
    Partial,
    /// JSON in gzip.
    Gzip,
}

/// What the answer to a list must hold: no server wins by leaving objects out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A full page.
    Page,
    /// All objects. Such lists are asked for once at a time on each connection, since a hundred of them
    /// in flight would be a test of memory.
    All,
    /// No object.
    Nothing,
}

impl Form {
    /// The `Accept` header.
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Self::Json | Self::Gzip => "application/json",
            Self::Table => "application/json;as=Table;v=v1;g=meta.k8s.io",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
            Self::Partial => "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        }
    }

    /// The headers that ask for it.
    pub(crate) fn headers(self) -> Vec<(HeaderName, &'static str)> {
        let mut headers = vec![(ACCEPT, self.accept())];
        if self == Self::Gzip {
            headers.push((ACCEPT_ENCODING, "gzip"));
        }
        headers
    }

    /// The kind of the answer.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Json | Self::Protobuf | Self::Gzip => "FooList",
            Self::Table => "Table",
            Self::Partial => "PartialObjectMetadataList",
        }
    }
}

impl Work {
    /// The path and headers of one request, where one and the same stands for all.
    pub(crate) fn read(self) -> Option<(String, Vec<(HeaderName, &'static str)>)> {
        match self {
            Self::Get(query) => Some((FILLED.path(0) + query, vec![(ACCEPT, Form::Json.accept())])),
            Self::List(list) => Some((objects::everywhere(list.query), list.form.headers())),
            Self::Document(Document { path, accept }) => {
                // As every client of Kubernetes asks for them.
                Some((path.to_owned(), vec![(ACCEPT, accept), (ACCEPT_ENCODING, "gzip")]))
            }
            _ => None,
        }
    }
}

impl Scenario {
    const fn new(name: &'static str, what: &'static str, work: Work) -> Self {
        Self { name, what, work }
    }

    const fn list(
        name: &'static str,
        what: &'static str,
        query: &'static str,
        form: Form,
        holds: Holds,
    ) -> Self {
        Self { name, what, work: Work::List(List { query, form, holds }) }
    }

    /// Whether the server only answers and nothing changes. All reads come before all writes.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.work, Work::Get(_) | Work::List(_) | Work::LastPage | Work::Document(_))
    }

    /// What is counted.
    pub(crate) fn unit(&self) -> &'static str {
        if matches!(self.work, Work::Watch) { "event" } else { "request" }
    }
}

const fn page(name: &'static str, what: &'static str, form: Form) -> Scenario {
    Scenario::list(name, what, "?limit=500", form, Holds::Page)
}

const fn document(
    name: &'static str,
    what: &'static str,
    path: &'static str,
    accept: &'static str,
) -> Scenario {
    Scenario::new(name, what, Work::Document(Document { path, accept }))
}

/// All scenarios, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("get-consistent", "GET one, consistent", Work::Get("")),
    Scenario::new("get-rv0", "GET one, resourceVersion=0", Work::Get("?resourceVersion=0")),
    page("list-500", "LIST limit=500", Form::Json),
    Scenario::new("list-500-last-page", "LIST limit=500, the last page", Work::LastPage),
    page("list-500-table", "LIST limit=500 as Table", Form::Table),
    page("list-500-protobuf", "LIST limit=500 as protobuf", Form::Protobuf),
    page("list-500-partial", "LIST limit=500, metadata only", Form::Partial),
    page("list-500-gzip", "LIST limit=500, compressed", Form::Gzip),
    Scenario::list(
        "list-label-none",
        "LIST limit=500, a label that nothing has",
        "?limit=500&labelSelector=pintle-bench%3Dnowhere",
        Form::Json,
        Holds::Nothing,
    ),
    Scenario::list(
        "list-all-rv0",
        "LIST all, resourceVersion=0",
        "?resourceVersion=0",
        Form::Json,
        Holds::All,
    ),
    Scenario::list("list-all-consistent", "LIST all, consistent", "", Form::Json, Holds::All),
    document(
        "discovery",
        "discovery, aggregated",
        "/apis",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    ),
    document(
        "openapi-v3",
        "OpenAPI v3 of hello.zeng.dev/v2",
        "/openapi/v3/apis/hello.zeng.dev/v2",
        "application/json",
    ),
    Scenario::new("etcd-put", "raw etcd puts", Work::EtcdPut(How::Plain)),
    Scenario::new("etcd-txn", "raw etcd creates", Work::EtcdPut(How::IfAbsent)),
    Scenario::new("create", "CREATE", Work::Create),
    Scenario::new("patch", "PATCH, merge", Work::Change(Manner::Merge)),
    Scenario::new("apply", "PATCH, server-side apply", Work::Change(Manner::Apply)),
    Scenario::new("update", "PUT, without conflicts", Work::Update),
    Scenario::new("delete", "DELETE", Work::Delete),
    Scenario::new("watch", "WATCH, events to all watchers", Work::Watch),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_reads_come_first() {
        let names: BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        assert!(SCENARIOS.is_sorted_by_key(|scenario| !scenario.reads()));
    }

    #[test]
    fn pages_ask_for_a_page() {
        for scenario in SCENARIOS {
            if let Work::List(List { query, holds: Holds::Page, .. }) = scenario.work {
                assert_eq!(query, format!("?limit={PAGE_OBJECTS}"));
            }
        }
    }
}
