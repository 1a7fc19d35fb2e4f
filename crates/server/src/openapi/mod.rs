//! OpenAPI: the schemas of what is served, for `kubectl explain`, validation and generators.
//!
//! Two editions: version 3 with a document for each group and version, addressed by its hash so
//! that clients keep it for good, and version 2 with one document for everything. All of it comes
//! from the catalog. A document is made when it is first asked for and then kept as compressed
//! bytes; a server that starts does no schema work. See
//! [OpenAPI in Kubernetes](https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition).

mod connect;
mod definitions;
mod document;
mod meta;
mod names;
mod paths;
mod protobuf;
mod resource;
mod schema;
mod v2;

#[cfg(test)]
mod tests;

use crate::catalog::{Catalog, Group, Version};
use crate::discovery::accept;
use bytes::Bytes;
use definitions::Definitions;
use document::{Document, Format, empty, keep_for_a_year, moved, vary};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// Go clients ask for protocol buffers, in an older spelling of the media type too.
const V2_TYPES: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("com.github.proto-openapi.spec.v2@v1.0+protobuf", Format::Protobuf(V2_PROTOBUF)),
    ("com.github.proto-openapi.spec.v2.v1.0+protobuf", Format::Protobuf(V2_PROTOBUF)),
];
const V3_TYPES: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("com.github.proto-openapi.spec.v3@v1.0+protobuf", Format::Protobuf(V3_PROTOBUF)),
    ("com.github.proto-openapi.spec.v3.v1.0+protobuf", Format::Protobuf(V3_PROTOBUF)),
];
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const V3_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
const V3: &str = "/openapi/v3";

/// Answers `/openapi/v2`, `/openapi/v3` and the documents below the latter.
#[derive(Debug)]
pub(crate) struct OpenApi {
    catalog: Arc<Catalog>,
    v2: OnceLock<Document>,
    index: OnceLock<Document>,
    /// By their path below `/openapi/v3/`.
    v3: BTreeMap<String, (Part, OnceLock<Document>)>,
}

/// What a document of version 3 is about; the numbers are positions in the catalog.
#[derive(Clone, Copy, Debug)]
enum Part {
    VersionInfo,
    Groups,
    Group(usize),
    Version(usize, usize),
}

impl OpenApi {
    /// The documents of what is in the catalog.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        let mut parts = BTreeMap::from([("apis".to_owned(), Part::Groups)]);
        parts.insert("version".to_owned(), Part::VersionInfo);
        for (g, group) in catalog.groups.iter().enumerate() {
            let root = paths::root(group).trim_start_matches('/').to_owned();
            for (v, version) in group.versions.iter().enumerate() {
                parts.insert(format!("{root}/{}", version.name), Part::Version(g, v));
            }
            parts.insert(root, Part::Group(g));
        }
        let v3 = parts.into_iter().map(|(path, part)| (path, (part, OnceLock::new()))).collect();
        Self { catalog, v2: OnceLock::new(), index: OnceLock::new(), v3 }
    }

    /// The answer, or `None` where the path is not one of a document.
    ///
    /// `now` decides until when a client may keep a document that it asked for by hash. An answer
    /// without `Cache-Control` is one that nobody may cache.
    pub(crate) fn answer(&self, request: &Parts, now: Timestamp) -> Option<Response<Bytes>> {
        let (headers, path) = (&request.headers, request.uri.path());
        match path.strip_prefix("/openapi/")? {
            "v2" => Some(vary(self.version_2(headers))),
            "v3" => Some(self.index().respond(headers, Format::Json)),
            below => {
                let found = self.v3.get(below.strip_prefix("v3/")?);
                if format(headers, &V3_TYPES).is_none() {
                    return Some(vary(empty(StatusCode::NOT_ACCEPTABLE)));
                }
                // What has no document gets an empty answer, as in Kubernetes.
                let Some((part, document)) = found else { return Some(empty(StatusCode::OK)) };
                let document = self.part(*part, document);
                Some(vary(version_3(document, request, now)))
            }
        }
    }

    /// The paths for the index of paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        ["/openapi/v2", V3, "/openapi/v3/"].into_iter()
    }

    fn version_2(&self, headers: &HeaderMap) -> Response<Bytes> {
        let Some(format) = format(headers, &V2_TYPES) else {
            return empty(StatusCode::NOT_ACCEPTABLE);
        };
        let make = || Document::of(&self.swagger(), &protobuf::v2::DOCUMENT);
        self.v2.get_or_init(make).respond(headers, format)
    }

    fn index(&self) -> &Document {
        self.index.get_or_init(|| {
            let entry = |(path, (part, document)): (&String, &(Part, OnceLock<Document>))| {
                let url = relative_url(path, self.part(*part, document).etag.hash());
                (path.clone(), json!({"serverRelativeURL": url}))
            };
            let paths: Map<_, _> = self.v3.iter().map(entry).collect();
            Document::of(&json!({"paths": paths}), &protobuf::v3::DOCUMENT)
        })
    }

    fn part<'a>(&self, part: Part, document: &'a OnceLock<Document>) -> &'a Document {
        document.get_or_init(|| {
            let (paths, schemas) = self.content(part);
            let mut components = json!({"schemas": schemas});
            let mut value = json!({"openapi": "3.0.0", "info": self.info(), "paths": paths});
            if self.catalog.authenticated {
                components["securitySchemes"] = security_schemes();
                value["security"] = security();
            }
            value["components"] = components;
            Document::of(&value, &protobuf::v3::DOCUMENT)
        })
    }

    fn info(&self) -> Value {
        json!({"title": self.catalog.title, "version": self.catalog.version})
    }

    fn version(&self, g: usize, v: usize) -> (&Group, &Version) {
        let group = &self.catalog.groups[g];
        (group, &group.versions[v])
    }

    /// The paths and the definitions of a document of version 3.
    fn content(&self, part: Part) -> (Value, BTreeMap<String, Value>) {
        let mut home = Vec::new();
        let (mut paths, definitions) = match part {
            Part::VersionInfo => (paths::of_version_info(), Definitions::default()),
            Part::Groups => (paths::of_groups(), Definitions::default()),
            Part::Group(g) => (paths::of_group(&self.catalog.groups[g]), Definitions::default()),
            Part::Version(g, v) => {
                let (group, version) = self.version(g, v);
                home.push((group.name.as_str(), version.name.as_str()));
                (
                    paths::of_version(group, version, self.catalog.cbor),
                    Definitions::of(group, version),
                )
            }
        };
        if self.catalog.authenticated {
            paths::add_unauthorized(&mut paths);
        }
        let definitions = definitions.complete(&paths, &home);
        (paths, definitions)
    }

    /// The one document of version 2.
    fn swagger(&self) -> Value {
        let mut all_paths = Map::new();
        let mut all_schemas = BTreeMap::new();
        for (part, _) in self.v3.values() {
            let (paths, schemas) = self.content(*part);
            if let Value::Object(paths) = paths {
                all_paths.extend(paths);
            }
            all_schemas.extend(schemas);
        }
        let homes = self.homes();
        for (name, schema) in &mut all_schemas {
            if let Some(meta) = meta::schema(name, &homes) {
                *schema = meta;
            }
        }
        let (paths, parameters) = v2::paths(&all_paths);
        let mut value = json!({
            "swagger": "2.0",
            "info": self.info(),
            "paths": paths,
            "definitions": v2::definitions(all_schemas),
            "parameters": parameters,
        });
        if self.catalog.authenticated {
            value["securityDefinitions"] = security_schemes();
            value["security"] = security();
        }
        value
    }

    /// The groups and versions of all kinds, sorted, those of the bodies of subresources too.
    fn homes(&self) -> Vec<(&str, &str)> {
        let mut homes = BTreeSet::new();
        for group in &self.catalog.groups {
            for version in &group.versions {
                homes.insert((group.name.as_str(), version.name.as_str()));
                let subresources = version.resources.iter().flat_map(|r| &r.subresources);
                homes.extend(subresources.map(|s| (s.group.as_str(), s.version.as_str())));
            }
        }
        homes.into_iter().collect()
    }
}

/// The first format that the client takes.
fn format(headers: &HeaderMap, types: &[(&str, Format)]) -> Option<Format> {
    accept::clauses(headers).iter().find_map(|clause| {
        let taken = types.iter().find(|(subtype, _)| clause.takes("application", subtype));
        taken.map(|(_, format)| *format)
    })
}

fn version_3(document: &Document, request: &Parts, now: Timestamp) -> Response<Bytes> {
    let headers = &request.headers;
    let Some(format) = format(headers, &V3_TYPES) else {
        return empty(StatusCode::NOT_ACCEPTABLE);
    };
    let query = request.uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("hash="));
    let hash = document.etag.hash();
    match asked.filter(|asked| !asked.is_empty()) {
        None => document.respond(headers, format),
        Some(asked) if asked == hash => keep_for_a_year(document.respond(headers, format), now),
        Some(_) => {
            let path = request.uri.path();
            let path = path.strip_prefix(V3).unwrap_or(path).trim_start_matches('/');
            moved(&relative_url(path, hash))
        }
    }
}

fn relative_url(path: &str, hash: &str) -> String {
    format!("{V3}/{path}?hash={hash}")
}

fn security_schemes() -> Value {
    json!({"BearerToken": {
        "description": "Bearer Token authentication",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    }})
}

fn security() -> Value {
    json!([{"BearerToken": []}])
}
