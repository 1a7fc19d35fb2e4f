//! Bodies of requests: bytes to an object of the kind that the path names.

mod cbor;
mod media;

use super::Context;
use crate::negotiate::{self, CBOR, PROTOBUF};
use pintle_meta::decode::{self, Decoded};
use pintle_meta::json::{self, Parsed, Strict};
use pintle_meta::options::FieldValidation;
use pintle_meta::protobuf::{self, LazyCodec, envelope, known};
use pintle_meta::schema::Rules;
use pintle_meta::{Object, Status, VersionInfo, yaml};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub kind: &'a str,
    pub api_version: &'a str,
    pub decode: fn(Value) -> Result<Decoded, decode::Error>,
    pub protobuf: &'a LazyCodec,
    /// What the schema asks for beyond the types of fields.
    pub rules: Option<&'a Rules>,
}

impl<'a> Expected<'a> {
    /// The kind of the path in the version of the path.
    pub(super) fn object(cx: &'a Context) -> Self {
        let version = cx.version();
        Self {
            kind: &cx.resource.kind.kind,
            api_version: &version.api_version,
            decode: version.decode,
            protobuf: &version.protobuf,
            rules: version.rules.as_deref(),
        }
    }

    /// Reads a value as an object, with the defaults of the schema filled in. What is wrong comes in
    /// the words of the schema where it has some, and else in those of `cannot`.
    pub(super) fn read(
        &self,
        mut value: Value,
        cannot: impl FnOnce(decode::Error) -> Status,
    ) -> Result<Decoded, Status> {
        let Some(rules) = self.rules else { return (self.decode)(value).map_err(cannot) };
        rules.fill(&mut value);
        let found = rules.undecodable(&value);
        let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        (self.decode)(value).map_err(|error| match found.is_empty() {
            true => cannot(error),
            false => Status::invalid(group, self.kind, &name, &found),
        })
    }

    fn version(&self) -> &'a str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }

    fn cannot(&self, why: impl std::fmt::Display) -> Status {
        cannot(self.kind, self.version(), self.kind, why)
    }
}

fn cannot(kind: &str, version: &str, expected: &str, why: impl std::fmt::Display) -> Status {
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {expected}: {why}"
    ))
}

/// Reads the body as an object.
pub(super) fn object(
    cx: &Context,
    expected: Expected<'_>,
    validation: Option<FieldValidation>,
) -> Result<Box<dyn Object>, Status> {
    if media_type(cx) == PROTOBUF {
        let parsed = protobuf(cx, expected)?;
        return from_parsed(cx, expected, parsed, |_, _| Vec::new(), validation);
    }
    let parsed = parse(cx, |why| unrecognized(cx, expected.kind, &why))?;
    if matches!(media_type(cx).as_str(), "application/yaml" | CBOR) {
        let copy = Parsed { value: parsed.value.clone(), duplicates: parsed.duplicates.clone() };
        let find = |unknown: &[String], _: &[String]| yaml::strict(&copy, unknown);
        return from_parsed(cx, expected, parsed, find, validation);
    }
    let find =
        |unknown: &[String], twice: &[String]| json::in_document_order(&cx.body, unknown, twice);
    from_parsed(cx, expected, parsed, find, validation)
}

/// Makes an object of a value; `find` puts the unknown and the repeated fields in the order in which
/// they are reported.
pub(super) fn from_parsed(
    cx: &Context,
    expected: Expected<'_>,
    parsed: Parsed,
    find: impl Fn(&[String], &[String]) -> Vec<Strict>,
    validation: Option<FieldValidation>,
) -> Result<Box<dyn Object>, Status> {
    if let Err(mismatch) = check_kind(cx, expected, &parsed.value) {
        look_through(cx, expected, parsed, find, validation)?;
        return Err(mismatch);
    }
    let Decoded { object, unknown } = expected.read(parsed.value, |e| expected.cannot(e))?;
    if !(unknown.is_empty() && parsed.duplicates.is_empty()) {
        report(cx, expected, &find(&unknown, &parsed.duplicates), validation)?;
    }
    Ok(object)
}

/// Reports what is odd about a body of another version, which is refused afterwards.
fn look_through(
    cx: &Context,
    expected: Expected<'_>,
    parsed: Parsed,
    find: impl Fn(&[String], &[String]) -> Vec<Strict>,
    validation: Option<FieldValidation>,
) -> Result<(), Status> {
    let kind = parsed.value["kind"].as_str().filter(|kind| !kind.is_empty());
    if kind.is_some_and(|kind| kind != expected.kind) {
        return Ok(());
    }
    let sent = parsed.value["apiVersion"].as_str().unwrap_or_default();
    let Some(version) = other_version(cx, expected, sent) else { return Ok(()) };
    let rules = version.rules.as_deref();
    let sent =
        Expected { api_version: &version.api_version, decode: version.decode, rules, ..expected };
    let Decoded { unknown, .. } = (sent.decode)(parsed.value).map_err(|e| sent.cannot(e))?;
    report(cx, sent, &find(&unknown, &parsed.duplicates), validation)
}

/// Another version of the object that the body must be; parts and actions have none.
fn other_version<'a>(
    cx: &'a Context,
    expected: Expected<'_>,
    api_version: &str,
) -> Option<&'a VersionInfo> {
    let kind = Some(&cx.resource.kind).filter(|kind| kind.kind == expected.kind)?;
    kind.versions.iter().find(|version| version.api_version == api_version)
}

/// Does about unknown and repeated fields what the client has asked for.
pub(super) fn report(
    cx: &Context,
    expected: Expected<'_>,
    found: &[Strict],
    validation: Option<FieldValidation>,
) -> Result<(), Status> {
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    match validation.unwrap_or_default() {
        FieldValidation::Strict if !texts.is_empty() => {
            let list = texts.join(", ");
            return Err(expected.cannot(format_args!("strict decoding error: {list}")));
        }
        FieldValidation::Strict | FieldValidation::Ignore => {}
        FieldValidation::Warn => texts.iter().for_each(|text| warn(cx, text)),
    }
    Ok(())
}

/// Warns of a finding; one of the YAML reader is a heading and lines, each of which is a warning.
pub(super) fn warn(cx: &Context, finding: &str) {
    let lines = finding.strip_prefix("yaml: unmarshal errors:\n").unwrap_or(finding);
    lines.split('\n').for_each(|line| cx.warn(line.trim()));
}

/// The media type of the body in lower case; `""` where the header is none.
fn media_type(cx: &Context) -> String {
    match cx.content_type.as_deref() {
        None | Some("") => "application/json".to_owned(),
        Some(header) => media::of_header(header).unwrap_or_default(),
    }
}

/// Refuses a body in a format that is not read, before anything else is looked at.
pub(super) fn check_media_type(cx: &Context) -> Result<(), Status> {
    let subresource = Some(cx.request.subresource.as_str()).filter(|name| !name.is_empty());
    let (_, codec) = cx.resource.wire_kind(cx.version, subresource);
    match media_type(cx).as_str() {
        "application/json" | "application/yaml" => Ok(()),
        PROTOBUF if codec.is_offered() && codec.codec().is_ok() => Ok(()),
        CBOR if cx.cbor => Ok(()),
        _ => Err(unknown_format(cx)),
    }
}

fn unknown_format(cx: &Context) -> Status {
    let types = negotiate::types(cx.cbor);
    Status::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: {types}"
    ))
}

/// Reads the body as an object in protocol buffers; what the envelope says is of more weight than what
/// is in it.
fn protobuf(cx: &Context, expected: Expected<'_>) -> Result<Parsed, Status> {
    let codec = expected.protobuf;
    let codec =
        codec.codec().ok().filter(|_| codec.is_offered()).ok_or_else(|| unknown_format(cx))?;
    let opened = open(cx, expected.kind)?;
    let text = |text: &str, fallback: &str| -> Value {
        if text.is_empty() { fallback.into() } else { text.into() }
    };
    let kind = text(&opened.kind, expected.kind);
    // An API version that cannot be taken apart says nothing here, as if it were not there.
    let readable = opened.api_version.matches('/').count() < 2;
    let api_version = if readable { opened.api_version.as_str() } else { "" };
    let api_version = text(api_version, expected.api_version);
    // An object of another type is refused for what it is, not for what is in it.
    let value = match kind == expected.kind && api_version == expected.api_version {
        true => codec.read(opened.raw).map_err(|e| expected.cannot(e))?,
        false => Value::Object(serde_json::Map::new()),
    };
    Ok(typed(value, kind, api_version))
}

/// Reads the body as the options of a deletion in protocol buffers.
fn protobuf_options(cx: &Context) -> Result<Parsed, Status> {
    let bad = |e: protobuf::Error| Status::bad_request(e.to_string());
    let opened = envelope::open(&cx.body).map_err(bad)?;
    let value = match opened.kind.as_str() {
        "" | "DeleteOptions" => known::DELETE_OPTIONS_CODEC.read(opened.raw).map_err(bad)?,
        // What says that it is something else is refused for that.
        _ => Value::Object(serde_json::Map::new()),
    };
    Ok(typed(value, opened.kind.into(), opened.api_version.into()))
}

fn open<'a>(cx: &'a Context, kind: &str) -> Result<envelope::Opened<'a>, Status> {
    envelope::open(&cx.body).map_err(|e| unrecognized(cx, kind, &e.to_string()))
}

fn typed(mut value: Value, kind: Value, api_version: Value) -> Parsed {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("kind".to_owned(), kind);
        fields.insert("apiVersion".to_owned(), api_version);
    }
    Parsed { value, duplicates: Vec::new() }
}

/// Reads the body as the options of a deletion.
pub(super) fn delete_options(cx: &Context) -> Result<Value, Status> {
    let parsed = match media_type(cx).as_str() {
        PROTOBUF => protobuf_options(cx),
        _ => parse(cx, Status::bad_request),
    };
    parsed.map(|parsed| parsed.value)
}

/// Reads the body as JSON, YAML or CBOR; `refuse` says that it is none.
fn parse(cx: &Context, refuse: impl FnOnce(String) -> Status) -> Result<Parsed, Status> {
    let result = match media_type(cx).as_str() {
        "application/json" => json::parse(&cx.body)
            .map_err(|e| format!("couldn't get version/kind; json parse error: {e}"))
            .and_then(|parsed| an_object(parsed, || members(&cx.body))),
        // As JSON a YAML document has its fields in the order of their names.
        "application/yaml" => yaml::decode(&cx.body)
            .map_err(|e| e.to_string())
            .and_then(|parsed| an_object(parsed, || None)),
        CBOR if cx.cbor => cbor::parse(cx),
        _ => return Err(unknown_format(cx)),
    };
    result.map_err(refuse)
}

fn unrecognized(cx: &Context, kind: &str, why: &str) -> Status {
    let start = beginning(&cx.body);
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {why} ({start})"
    ))
}

fn an_object(parsed: Parsed, in_order: impl FnOnce() -> Option<Members>) -> Result<Parsed, String> {
    let unreadable = |why: &str| format!("couldn't get version/kind; json parse error: {why}");
    let mut fields = match parsed.value {
        Value::Object(fields) => fields,
        Value::Null => serde_json::Map::new(),
        _ => return Err(unreadable("the document is not an object")),
    };
    for name in TYPE_FIELDS {
        fields
            .get(name)
            .map_or(Ok(()), |value| check_text(name, value))
            .map_err(|e| unreadable(&e))?;
    }
    if fields.keys().any(|key| type_field(key).is_some_and(|name| name != key)) {
        let members = in_order().map(|members| members.0);
        let members =
            members.unwrap_or_else(|| fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect());
        for (key, value) in members {
            let Some(name) = type_field(&key).filter(|_| !value.is_null()) else { continue };
            check_text(name, &value).map_err(|e| unreadable(&e))?;
            fields.insert(name.to_owned(), value);
        }
    }
    Ok(Parsed { value: Value::Object(fields), ..parsed })
}

/// What a document is said to be by. Go finds these fields in letters of either case, and of several
/// the last one counts.
const TYPE_FIELDS: [&str; 2] = ["apiVersion", "kind"];

fn type_field(key: &str) -> Option<&'static str> {
    TYPE_FIELDS.into_iter().find(|name| key.eq_ignore_ascii_case(name))
}

fn check_text(name: &str, value: &Value) -> Result<(), String> {
    let type_ = match value {
        Value::Null | Value::String(_) => return Ok(()),
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Err(format!("json: cannot unmarshal {type_} into Go struct field .{name} of type string"))
}

/// The fields of a JSON document in their order.
struct Members(Vec<(String, Value)>);

fn members(body: &[u8]) -> Option<Members> {
    let mut json = serde_json::Deserializer::from_slice(body);
    json.deserialize_map(MembersVisitor).ok()
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The beginning of a body for a message: as text where it looks like JSON, else in hexadecimal.
fn beginning(body: &[u8]) -> String {
    const SHOWN_BYTES: usize = 30;
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    let more = if body.len() > SHOWN_BYTES { " ..." } else { "" };
    match shown.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

/// Refuses a body that says it is something else than the path names.
fn check_kind(cx: &Context, expected: Expected<'_>, value: &Value) -> Result<(), Status> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|s| !s.is_empty());
    let kind = text("kind").unwrap_or(expected.kind);
    let api_version = text("apiVersion").unwrap_or(expected.api_version);
    if kind == expected.kind && api_version == expected.api_version {
        return Ok(());
    }
    if api_version.matches('/').count() > 1 {
        let (kind, start) = (expected.kind, beginning(&cx.body));
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): unexpected \
             GroupVersion string: {api_version} ({start})"
        )));
    }
    if kind == expected.kind && other_version(cx, expected, api_version).is_some() {
        return Err(Status::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version \
             ({})",
            expected.api_version
        )));
    }
    let version = api_version.rsplit('/').next().unwrap_or_default();
    let why = format!("no kind {kind:?} is registered for version {api_version:?}");
    Err(cannot(kind, version, expected.kind, why))
}
