//! The objects that a server is filled with: `foos` of `hello.zeng.dev/v2` in numbered series.

use bytes::Bytes;
use serde_json::json;

/// Where the server serves the objects.
const API: &str = "/apis/hello.zeng.dev/v2";
const RESOURCE: &str = "foos";

/// Numbered objects, spread over some namespaces of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Series {
    prefix: &'static str,
    namespaces: u64,
}

/// What the server is filled with: this is what gets, lists and changes work on.
pub(crate) const FILLED: Series = Series { prefix: "bench", namespaces: 10 };
/// What creates make and deletes take away.
pub(crate) const MADE: Series = Series { prefix: "bench-made", namespaces: 1 };
/// What is created for watchers to see.
pub(crate) const SEEN: Series = Series { prefix: "bench-seen", namespaces: 1 };

impl Series {
    /// The name of the object with a number.
    pub(crate) fn name(self, number: u64) -> String {
        format!("{}-{number:07}", self.prefix)
    }

    /// The path that the object with a number is created at.
    pub(crate) fn collection(self, number: u64) -> String {
        let Self { prefix, namespaces } = self;
        format!("{API}/namespaces/{prefix}-{}/{RESOURCE}", number % namespaces)
    }

    /// The number of the object whose name stands in a line of JSON; nothing when there is none of this series.
    pub(crate) fn number_in(self, json: &[u8]) -> Option<u64> {
        let mark = format!("\"name\":\"{}-", self.prefix);
        let mark = mark.as_bytes();
        let start = json.windows(mark.len()).position(|window| window == mark)? + mark.len();
        let digits = json[start..].split(|byte| *byte == b'"').next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The path of the object with a number.
    pub(crate) fn path(self, number: u64) -> String {
        format!("{}/{}", self.collection(number), self.name(number))
    }
}

/// The path of all objects in all namespaces, with a query that is empty or begins with `?`.
pub(crate) fn everywhere(query: &str) -> String {
    format!("{API}/{RESOURCE}{query}")
}

/// An object as a client sends it, with a resource version when it replaces one.
pub(crate) fn object(name: &str, msg: &str, msg1: &str, version: Option<&str>) -> Bytes {
    let mut object = json!({
        "apiVersion": "hello.zeng.dev/v2",
        "kind": "Foo",
        "metadata": {"name": name},
        "spec": {"image": "nginx:1.25", "config": {"msg": msg, "msg1": msg1}},
    });
    if let Some(version) = version {
        object["metadata"]["resourceVersion"] = version.into();
    }
    Bytes::from(object.to_string())
}

/// A merge patch of one field.
pub(crate) fn patch(msg1: &str) -> Bytes {
    Bytes::from(json!({"spec": {"config": {"msg1": msg1}}}).to_string())
}

/// What a manager that owns one field applies.
pub(crate) fn applied(name: &str, msg1: &str) -> Bytes {
    let object = json!({
        "apiVersion": "hello.zeng.dev/v2",
        "kind": "Foo",
        "metadata": {"name": name},
        "spec": {"config": {"msg1": msg1}},
    });
    Bytes::from(object.to_string())
}

/// The resource version in an object's JSON, found without parsing it.
pub(crate) fn version_in(json: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"\"resourceVersion\":\"";
    let start = json.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let length = json[start..].iter().position(|byte| *byte == b'"')?;
    String::from_utf8(json[start..start + length].to_vec()).ok()
}

/// A value as it may stand in a query: everything but unreserved characters is escaped.
pub(crate) fn escaped(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let path = "/apis/hello.zeng.dev/v2/namespaces/bench-3/foos/bench-0000013";
        assert_eq!(FILLED.path(13), path);
        assert_eq!(MADE.collection(13), "/apis/hello.zeng.dev/v2/namespaces/bench-made-0/foos");
        assert_eq!(everywhere("?limit=1"), "/apis/hello.zeng.dev/v2/foos?limit=1");
    }

    #[test]
    fn versions() {
        let check = |json: &str, want: Option<&str>| {
            assert_eq!(version_in(json.as_bytes()).as_deref(), want, "{json}");
        };
        check(r#"{"metadata":{"resourceVersion":"17","uid":"u"}}"#, Some("17"));
        check(r#"{"metadata":{"resourceVersion":"17"#, None);
        check("{}", None);
        let sent = object("a", "m", "n", Some("5"));
        assert_eq!(version_in(&sent).as_deref(), Some("5"));
        assert_eq!(version_in(&object("a", "m", "n", None)), None);
    }

    #[test]
    fn escapes() {
        assert_eq!(escaped("aZ09-._~"), "aZ09-._~");
        assert_eq!(escaped("a+b/c=&"), "a%2Bb%2Fc%3D%26");
    }
}
