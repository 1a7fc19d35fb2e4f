//! How definitions, operations and tags are called.
//!
//! Generated clients have these names in their code, so they are Go's: see `GetOperationIDAndTags`
//! and `DefinitionNamer` of `k8s.io/apiserver/pkg/endpoints/openapi`.

/// The prefix of the definitions of a group and version: `dev.zeng.hello.v1.` for
/// `hello.zeng.dev/v1`.
pub(super) fn definition_prefix(group: &str, version: &str) -> String {
    let group = match group {
        "" => "core",
        // The one group of Kubernetes itself whose kind is served here, and known by its Go package.
        "autoscaling" => "autoscaling.api.k8s.io",
        group => group,
    };
    let mut prefix: String = group.rsplit('.').flat_map(|part| [part, "."]).collect();
    prefix.push_str(version);
    prefix.push('.');
    prefix
}

/// `name` with only the characters that a definition may have.
pub(super) fn definition(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// The tag of a group and version: `helloZengDev_v1`; without a version that of the group.
pub(super) fn tag(group: &str, version: Option<&str>) -> String {
    let group = camel(trimmed(group), false);
    version.map_or(group.clone(), |version| format!("{group}_{}", camel(version, false)))
}

/// An operation: `list` of `NamespacedFoo` in `hello.zeng.dev/v1` is
/// `listHelloZengDevV1NamespacedFoo`.
pub(super) fn operation(verb: &str, group: &str, version: Option<&str>, object: &str) -> String {
    let mut name = verb.to_owned();
    name.push_str(&camel(trimmed(group), true));
    name.push_str(&camel(version.unwrap_or_default(), true));
    name.push_str(&camel(object, true));
    name
}

fn trimmed(group: &str) -> &str {
    if group.is_empty() { "core" } else { group.strip_suffix(".k8s.io").unwrap_or(group) }
}

/// A word with a capital letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Joins the words of a name, each with a capital letter; the first one only where wanted.
fn camel(text: &str, capital: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut capital = capital;
    for (i, c) in text.char_indices() {
        let part_of_word = c.is_alphabetic() || c == '_' || (i > 0 && c.is_numeric());
        if !part_of_word {
            capital = true;
        } else if std::mem::take(&mut capital) {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// `a Foo`, `an Ingress`; plurals have no article.
pub(super) fn with_article(kind: &str) -> String {
    if kind.ends_with('s') && !kind.ends_with("ss") {
        return kind.to_owned();
    }
    let vowel = kind.starts_with(['A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(definition_prefix("hello.zeng.dev", "v1"), "dev.zeng.hello.v1.");
        assert_eq!(definition_prefix("", "v1"), "core.v1.");
        assert_eq!(definition_prefix("autoscaling", "v1"), "io.k8s.api.autoscaling.v1.");
        assert_eq!(definition("Page<Foo>"), "Page_Foo_");
        assert_eq!(tag("hello.zeng.dev", Some("v1")), "helloZengDev_v1");
        assert_eq!(tag("hello.zeng.dev", None), "helloZengDev");
        assert_eq!(tag("apps.k8s.io", Some("v1beta1")), "apps_v1beta1");
        assert_eq!(tag("", Some("v1")), "core_v1");
        assert_eq!(
            operation("list", "hello.zeng.dev", Some("v1"), "NamespacedFoo"),
            "listHelloZengDevV1NamespacedFoo"
        );
        assert_eq!(operation("get", "metrics.k8s.io", None, "APIGroup"), "getMetricsAPIGroup");
        assert_eq!(with_article("Foo"), "a Foo");
        assert_eq!(with_article("Ingress"), "Ingress".replace("Ing", "an Ing"));
        assert_eq!(with_article("Endpoints"), "Endpoints");
    }
}
