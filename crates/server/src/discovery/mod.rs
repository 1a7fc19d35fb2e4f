//! Discovery: which groups, versions, resources and verbs there are.
//!
//! Clients ask this first and often, so every document is made once, when it is first wanted, and
//! then kept as bytes. There are two forms: one document per group and version, and the
//! *aggregated* one (`APIGroupDiscoveryList`) with everything in a single answer. See
//! [API discovery](https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api).

pub(crate) mod accept;
mod documents;
pub(crate) mod etag;

#[cfg(test)]
mod tests;

use crate::catalog::{Catalog, Group};
use crate::negotiate::{self, PROTOBUF};
use crate::shape::protobuf;
use accept::Clause;
use bytes::Bytes;
use documents::{ApiGroup, ApiGroupDiscoveryList, ApiGroupList, ApiResourceList, ApiVersions};
use etag::ETag;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, USER_AGENT, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use pintle_meta::protobuf::known;
use pintle_meta::{Status, cbor, yaml};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Answers `/api`, `/apis` and the paths of groups and versions below them.
#[derive(Debug)]
pub(crate) struct Discovery {
    catalog: Arc<Catalog>,
    pages: HashMap<String, Page>,
}

impl Discovery {
    /// Discovery of what is in the catalog.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        let mut pages = HashMap::from([("/apis".to_owned(), Page::new(Document::Groups))]);
        for (g, group) in catalog.groups.iter().enumerate() {
            let (path, document) = match group.name.as_str() {
                "" => ("/api".to_owned(), Document::CoreVersions(g)),
                name => (format!("/apis/{name}"), Document::Group(g)),
            };
            for (v, version) in group.versions.iter().enumerate() {
                let path = format!("{path}/{}", version.name);
                pages.insert(path, Page::new(Document::Resources(g, v)));
            }
            pages.insert(path, Page::new(document));
        }
        Self { catalog, pages }
    }

    /// The answer, or `None` where the path is not one of discovery or nothing is there.
    ///
    /// `server_address` is what a client is told to reach the server at. An answer without
    /// `Cache-Control` is one that nobody may cache.
    pub(crate) fn answer(&self, request: &Parts, server_address: &str) -> Option<Response<Bytes>> {
        let path = request.uri.path();
        let page = self.pages.get(path.strip_suffix('/').unwrap_or(path))?;
        // As in Kubernetes, only what describes a version comes in the formats of the version.
        let cbor = self.catalog.cbor && matches!(page.document, Document::Resources(..));
        Some(match Format::of(request, page.document, cbor) {
            Ok(format) if format.aggregated => self.aggregated(page, format, &request.headers),
            Ok(format) => self.plain(page, format, server_address),
            Err(refused) => refused.respond(cbor),
        })
    }

    /// The paths for the index of paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.pages.keys().map(String::as_str)
    }

    fn plain(&self, page: &Page, format: Format, server_address: &str) -> Response<Bytes> {
        let body = page.plain[format.style as usize].get(server_address, || {
            let groups = &self.catalog.groups;
            match page.document {
                Document::Groups => {
                    format.style.write(&ApiGroupList::of(&self.catalog, server_address))
                }
                Document::CoreVersions(g) => {
                    format.style.write(&ApiVersions::of(&groups[g], server_address))
                }
                Document::Group(g) => format.style.write(&ApiGroup::of(&groups[g])),
                Document::Resources(g, v) => {
                    let group = &groups[g];
                    format.style.write(&ApiResourceList::of(group, &group.versions[v]))
                }
            }
        });
        respond(StatusCode::OK, format.style.content_type(), body)
    }

    fn aggregated(&self, page: &Page, format: Format, headers: &HeaderMap) -> Response<Bytes> {
        let write = |style: Style| {
            page.aggregated[style as usize].get("", || {
                let core = matches!(page.document, Document::CoreVersions(_));
                let wanted = |group: &&Group| group.name.is_empty() == core;
                let groups = self.catalog.groups.iter().filter(wanted);
                style.write(&ApiGroupDiscoveryList::of(groups))
            })
        };
        let etag = page.etag.get_or_init(|| ETag::of(&write(Style::Json)));
        let mut response = if etag.is_known(headers) {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let content_type = format.style.aggregated_content_type();
            respond(StatusCode::OK, content_type, write(format.style))
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, etag.header());
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        response
    }
}

/// What stands at a path; the numbers are positions in the catalog.
#[derive(Clone, Copy, Debug)]
enum Document {
    Groups,
    CoreVersions(usize),
    Group(usize),
    Resources(usize, usize),
}

#[derive(Debug)]
struct Page {
    document: Document,
    plain: [Kept; Style::COUNT],
    aggregated: [Kept; Style::COUNT],
    etag: OnceLock<ETag>,
}

impl Page {
    fn new(document: Document) -> Self {
        let (plain, aggregated) = Default::default();
        Self { document, plain, aggregated, etag: OnceLock::new() }
    }
}

/// The bytes of a document, and the server address for which they were made.
///
/// A server has one address as a rule; for any other one the document is made anew.
#[derive(Debug, Default)]
struct Kept(OnceLock<(String, Bytes)>);

impl Kept {
    fn get(&self, server_address: &str, make: impl Fn() -> Bytes) -> Bytes {
        let (address, bytes) = self.0.get_or_init(|| (server_address.to_owned(), make()));
        if address == server_address { bytes.clone() } else { make() }
    }
}

/// How a document is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Json,
    Indented,
    Yaml,
    Protobuf,
    Cbor,
}

impl Style {
    const COUNT: usize = 5;

    fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Indented => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => PROTOBUF,
            Self::Cbor => negotiate::CBOR,
        }
    }

    fn aggregated_content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Indented => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            }
            Self::Yaml => "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Self::Protobuf => {
                "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;\
                 as=APIGroupDiscoveryList"
            }
            // A version has no aggregated form.
            Self::Cbor => negotiate::CBOR,
        }
    }

    /// Compact JSON ends with a line feed and indented JSON does not, as in Kubernetes.
    ///
    /// The documents consist of strings and lists, for which serialising cannot fail.
    fn write(self, document: &impl Serialize) -> Bytes {
        let written = match self {
            Self::Json => serde_json::to_vec(document).map(|mut json| {
                json.push(b'\n');
                json
            }),
            Self::Indented => serde_json::to_vec_pretty(document),
            Self::Yaml => serde_json::to_value(document).map(|value| yaml::encode(&value).into()),
            Self::Cbor => serde_json::to_value(document).map(|value| cbor::encode(&value)),
            Self::Protobuf => serde_json::to_value(document).map(|value| {
                let mut out = Vec::new();
                let codec = known::codec(value["kind"].as_str().unwrap_or_default());
                codec.and_then(|codec| protobuf::document(codec, &value, &mut out));
                out
            }),
        };
        written.unwrap_or_default().into()
    }
}

#[derive(Clone, Copy, Debug)]
struct Format {
    style: Style,
    aggregated: bool,
}

impl Format {
    /// The first clause that can be served.
    fn of(request: &Parts, document: Document, cbor: bool) -> Result<Self, Refused> {
        let clauses = accept::clauses(&request.headers);
        let routed = |clause: &Clause<'_>| {
            matches!((clause.kind, clause.subtype), ("*", "*"))
                || clause.kind == "application"
                    && (matches!(clause.subtype, "json" | "yaml" | "vnd.kubernetes.protobuf")
                        || (cbor && clause.subtype == "cbor"))
        };
        if !clauses.iter().any(routed) {
            return Err(Refused::ByRouter);
        }
        let root = matches!(document, Document::Groups | Document::CoreVersions(_));
        let pretty = is_pretty(request);
        clauses
            .iter()
            .find_map(|clause| Self::of_clause(clause, root, pretty, cbor))
            .ok_or(Refused::ByHandler)
    }

    fn of_clause(clause: &Clause<'_>, root: bool, pretty: bool, cbor: bool) -> Option<Self> {
        let style = if clause.takes("application", "json") {
            let pretty = pretty || clause.parameter("pretty") == "1";
            if pretty { Style::Indented } else { Style::Json }
        } else if clause.takes("application", "yaml") {
            Style::Yaml
        } else if clause.takes("application", "vnd.kubernetes.protobuf") {
            Style::Protobuf
        } else if cbor && clause.takes("application", "cbor") {
            Style::Cbor
        } else {
            return None;
        };
        match (clause.parameter("as"), clause.parameter("g"), clause.parameter("v")) {
            ("", "", "") => Some(Self { style, aggregated: false }),
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") if root => {
                Some(Self { style, aggregated: true })
            }
            _ => None,
        }
    }
}

/// Whether the client wants to read the document with its own eyes.
fn is_pretty(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("pretty="));
    if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
        return matches!(asked, "1" | "t" | "T" | "true" | "True" | "TRUE");
    }
    let agent = request.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|people| agent.starts_with(people))
}

/// Why there is no format: Kubernetes' router and its handlers say it in different words.
#[derive(Clone, Copy, Debug)]
enum Refused {
    ByRouter,
    ByHandler,
}

impl Refused {
    fn respond(self, cbor: bool) -> Response<Bytes> {
        let types = negotiate::types(cbor);
        let status = match self {
            Self::ByRouter => {
                let why = format!("406: Not Acceptable\n\nAvailable representations: {types}");
                Status::not_acceptable(why).with_empty_details()
            }
            Self::ByHandler => negotiate::not_served(types),
        };
        let body = Style::Json.write(&status);
        respond(StatusCode::NOT_ACCEPTABLE, Style::Json.content_type(), body)
    }
}

fn respond(code: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
