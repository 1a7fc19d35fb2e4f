//! What a query says: selectors, tokens, options.

use pintle_meta::continue_token::ContinueToken;
use pintle_meta::json;
use pintle_meta::options::{
    CreateOptions, DeleteOptions, GetOptions, ListOptions, PatchOptions, UpdateOptions,
};
use pintle_meta::selector::{FieldSelector, LabelSelector};
use std::str;

/// A label selector; what it prints selects the same.
pub(super) fn labels(data: &[u8]) -> bool {
    let Some(selector) = str::from_utf8(data).ok().and_then(|s| LabelSelector::parse(s).ok())
    else {
        return false;
    };
    let printed = selector.to_string();
    let again = LabelSelector::parse(&printed);
    let again = again.unwrap_or_else(|e| panic!("what is printed can be read: {e}: {printed:?}"));
    for value in [None, Some(""), Some("b"), Some("5")] {
        assert_eq!(selector.matches(|_| value), again.matches(|_| value), "{printed:?}");
    }
    true
}

/// A field selector; what it prints selects the same.
pub(super) fn fields(data: &[u8]) -> bool {
    let Some(selector) = str::from_utf8(data).ok().and_then(|s| FieldSelector::parse(s).ok())
    else {
        return false;
    };
    let printed = selector.to_string();
    let again = FieldSelector::parse(&printed);
    let again = again.unwrap_or_else(|e| panic!("what is printed can be read: {e}: {printed:?}"));
    assert_eq!(selector.terms(), again.terms(), "{printed:?}");
    let _ = selector.matches(|_| Some("a"));
    let _ = selector.requires_exact("metadata.name");
    let _ = selector.check_known(&["metadata.name"]);
    true
}

/// A token for the next page: what is read is written so that it reads the same.
pub(super) fn token(data: &[u8]) -> bool {
    let Some(token) = str::from_utf8(data).ok().and_then(|s| ContinueToken::decode(s).ok()) else {
        return false;
    };
    let again = ContinueToken::decode(&token.encode()).expect("what is written can be read");
    assert_eq!(again, token);
    true
}

/// A query as the options of every verb.
pub(super) fn query(data: &[u8]) -> bool {
    let query: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let list = ListOptions::from_query(&query);
    let list = list.and_then(|mut options| {
        options.reading()?;
        options.narrow_to("a")
    });
    let get = GetOptions::from_query(&query).and_then(|options| options.read_at());
    let create = CreateOptions::from_query(&query).is_ok();
    let update = UpdateOptions::from_query(&query).is_ok();
    let patch = PatchOptions::from_query(&query, false).is_ok();
    let apply = PatchOptions::from_query(&query, true).is_ok();
    let delete = DeleteOptions::from_query(&query).is_ok();
    list.is_ok() || get.is_ok() || create || update || patch || apply || delete
}

/// The body of a deletion.
pub(super) fn delete(data: &[u8]) -> bool {
    let Ok(parsed) = json::parse(data) else { return false };
    DeleteOptions::from_body(&parsed.value).is_ok()
}
