//! Single requests before the load: they make sure that what is measured is what is meant.

use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::client::{Target, Template};
use crate::failure::Failure;
use crate::objects::{self, Series};
use crate::scenario::{Form, Holds, List, PAGE_OBJECTS};
use crate::sender::{Answer, Sender};

/// Pages that are walked to find the last one.
const PAGE_LIMIT: usize = 20_000;
/// What every protobuf answer begins with.
const PROTOBUF_MAGIC: &[u8] = b"k8s\0";

/// How a list was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// As it should be, with a body of some bytes.
    Good {
        /// The length of the body.
        bytes: u64,
    },
    /// The server does not encode lists like this.
    NotOffered(String),
}

/// Asks for a list once and checks its kind and how many objects it holds.
///
/// # Errors
/// When the answer is another than what was asked for.
pub(crate) async fn list(
    target: &Target,
    template: &Template,
    list: List,
    objects: u64,
) -> Result<Probed, Failure> {
    let answer = target.connect().await?.call(template).await?;
    judge(&answer, list, objects)
}

/// Asks for a document once: the length of its body.
///
/// # Errors
/// When it is not answered, or empty.
pub(crate) async fn document(target: &Target, template: &Template) -> Result<u64, Failure> {
    let answer = good(target.connect().await?.call(template).await?)?;
    match answer.body.len() {
        0 => Err(Failure::new("an empty document")),
        length => Ok(length as u64),
    }
}

/// Walks through all pages of a list: the request for the last of them, and the length of its body.
///
/// # Errors
/// When a page is not answered, or too few objects are in all of them.
pub(crate) async fn last_page(target: &Target, objects: u64) -> Result<(Template, u64), Failure> {
    let mut sender = target.connect().await?;
    let mut token = String::new();
    let mut seen = 0;
    for _ in 0..PAGE_LIMIT {
        let query = if token.is_empty() {
            format!("?limit={PAGE_OBJECTS}")
        } else {
            format!("?limit={PAGE_OBJECTS}&continue={}", objects::escaped(&token))
        };
        let accept = [(ACCEPT, Form::Json.accept())];
        let template = target.template(Method::GET, &objects::everywhere(&query), &accept)?;
        let answer = good(sender.call(&template).await?)?;
        let page = Page::parse(&answer)?;
        seen += page.count();
        if page.metadata.token.is_empty() {
            if seen < objects {
                return Err(Failure::new(format!("{seen} objects on all pages, not {objects}")));
            }
            return Ok((template, answer.body.len() as u64));
        }
        token = page.metadata.token;
    }
    Err(Failure::new(format!("no last page among {PAGE_LIMIT}")))
}

/// The resource version that all objects together have now.
///
/// # Errors
/// When the server does not tell.
pub(crate) async fn list_version(target: &Target) -> Result<String, Failure> {
    let template = target.template(Method::GET, &objects::everywhere("?limit=1"), &[])?;
    let answer = good(target.connect().await?.call(&template).await?)?;
    let version = Page::parse(&answer)?.metadata.version;
    if version.is_empty() {
        return Err(Failure::new("a list without a resource version"));
    }
    Ok(version)
}

/// The resource version of one object.
///
/// # Errors
/// When the server does not tell.
pub(crate) async fn version(
    sender: &mut Sender,
    target: &Target,
    series: Series,
    number: u64,
) -> Result<String, Failure> {
    let template = target.template(Method::GET, &series.path(number), &[])?;
    let answer = good(sender.call(&template).await?)?;
    objects::version_in(&answer.body)
        .ok_or_else(|| Failure::new("an object without a resource version"))
}

/// The answer, if it is 200 or 201.
///
/// # Errors
/// With the server's own message if it is not.
pub(crate) fn good(answer: Answer) -> Result<Answer, Failure> {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    if answer.status.is_success() {
        return Ok(answer);
    }
    let said: Option<Said> = serde_json::from_slice(&answer.body).ok();
    let message = said.map(|said| format!(": {}", said.message)).unwrap_or_default();
    Err(Failure::new(format!("HTTP {}{message}", answer.status.as_u16())))
}

/// As much of a list, a Table or a list of metadata as is checked.
#[derive(Deserialize)]
struct Page {
    kind: String,
    #[serde(default)]
    metadata: PageMetadata,
    items: Option<Vec<IgnoredAny>>,
    rows: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    token: String,
    #[serde(rename = "resourceVersion", default)]
    version: String,
}

impl Page {
    fn parse(answer: &Answer) -> Result<Self, Failure> {
        serde_json::from_slice(&answer.body).map_err(|error| Failure::caused("read a list", &error))
    }

    fn count(&self) -> u64 {
        let count = |list: &Option<Vec<IgnoredAny>>| list.as_ref().map_or(0, Vec::len);
        (count(&self.items) + count(&self.rows)) as u64
    }
}

fn judge(answer: &Answer, list: List, objects: u64) -> Result<Probed, Failure> {
    if answer.status == StatusCode::NOT_ACCEPTABLE {
        return Ok(Probed::NotOffered("HTTP 406".to_owned()));
    }
    if answer.status != StatusCode::OK {
        return Err(Failure::new(format!("HTTP {}", answer.status.as_u16())));
    }
    let bytes = answer.body.len() as u64;
    if list.form == Form::Gzip {
        // As with protobuf: what is inside is not looked at. The plain list is a scenario too.
        return Ok(match answer.encoding.as_str() {
            "gzip" => Probed::Good { bytes },
            _ => Probed::NotOffered("not compressed".to_owned()),
        });
    }
    if list.form == Form::Protobuf {
        // How many objects are in it is told by its length only: what is inside is not decoded.
        return if answer.body.starts_with(PROTOBUF_MAGIC) {
            Ok(Probed::Good { bytes })
        } else {
            Err(Failure::new(format!("protobuf was answered as {}", answer.media_type)))
        };
    }
    let page = Page::parse(answer)?;
    if page.kind != list.form.kind() {
        let (kind, want) = (page.kind, list.form.kind());
        return Err(Failure::new(format!("the answer is a {kind}, not a {want}")));
    }
    let (count, want) = (page.count(), expected(list.holds, objects));
    // A server that has other objects too may answer them all.
    let more = list.holds == Holds::All && count > want;
    if count != want && !more {
        return Err(Failure::new(format!("the answer holds {count} objects, not {want}")));
    }
    Ok(Probed::Good { bytes })
}

fn expected(holds: Holds, objects: u64) -> u64 {
    match holds {
        Holds::Page => objects.min(PAGE_OBJECTS),
        Holds::All => objects,
        Holds::Nothing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        let check =
            |form: Form, holds: Holds, status: u16, body: &str, want: Result<&str, &str>| {
                let answer = Answer {
                    status: StatusCode::from_u16(status).unwrap(),
                    media_type: "application/json".to_owned(),
                    encoding: String::new(),
                    body: body.as_bytes().to_vec(),
                };
                let list = List { query: "", form, holds };
                match (judge(&answer, list, 2), want) {
                    (Ok(Probed::Good { bytes }), Ok("")) => assert_eq!(bytes, body.len() as u64),
                    (Ok(Probed::NotOffered(why)), Ok(part)) => assert_eq!(why, part),
                    (Err(failure), Err(part)) => assert_eq!(failure.to_string(), part),
                    (got, want) => panic!("{body}: {got:?}, want {want:?}"),
                }
            };
        let two = r#"{"kind":"FooList","metadata":{},"items":[{},{}]}"#;
        check(Form::Json, Holds::All, 200, two, Ok(""));
        check(Form::Json, Holds::Page, 200, two, Ok(""));
        check(Form::Json, Holds::Nothing, 200, two, Err("the answer holds 2 objects, not 0"));
        let three = r#"{"kind":"FooList","items":[{},{},{}]}"#;
        check(Form::Json, Holds::All, 200, three, Ok(""));
        check(Form::Json, Holds::Page, 200, three, Err("the answer holds 3 objects, not 2"));
        let none = r#"{"kind":"FooList","items":null}"#;
        check(Form::Json, Holds::Nothing, 200, none, Ok(""));
        check(Form::Json, Holds::All, 200, none, Err("the answer holds 0 objects, not 2"));
        check(Form::Table, Holds::Page, 200, r#"{"kind":"Table","rows":[{},{}]}"#, Ok(""));
        check(Form::Table, Holds::Page, 200, two, Err("the answer is a FooList, not a Table"));
        check(Form::Protobuf, Holds::Page, 406, "", Ok("HTTP 406"));
        check(Form::Protobuf, Holds::Page, 200, "k8s\0....", Ok(""));
        let json = "protobuf was answered as application/json";
        check(Form::Protobuf, Holds::Page, 200, two, Err(json));
        check(Form::Gzip, Holds::Page, 200, two, Ok("not compressed"));
        check(Form::Json, Holds::All, 429, "", Err("HTTP 429"));
    }
}
