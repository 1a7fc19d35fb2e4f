//! GET of a collection.

use super::Context;
use super::select::Selection;
use crate::cache::{Entry, Page, Query};
use crate::reply::{Entries, List, Reply};
use crate::store::Store;
use pintle_meta::Status;
use pintle_meta::continue_token::ContinueToken;
use pintle_meta::options::{ListOptions, ReadAt, Reading};
use std::sync::Arc;

/// GET of a collection.
pub(super) async fn list(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let reading = options.reading()?;
    Ok(Reply::List(read(cx, store, &selection, &reading).await?))
}

/// Reads what is selected.
pub(super) async fn read(
    cx: &Context,
    store: &Store,
    selection: &Selection,
    reading: &Reading,
) -> Result<List, Status> {
    let reached = store.freshen(reading.at).await?;
    let cache = store.cache();
    let whole = reading.start.is_none() && reading.limit.is_none() && selection.is_everything();
    let only_key = selection.only_key(cx.resource.kind.namespaced);
    let past = match reading.at {
        // There are no pages of one object, so that a limit does not ask for an earlier state.
        ReadAt::Exact(_) if only_key.is_some() && !reading.says_exact => None,
        ReadAt::Exact(revision) if revision != reached => Some(revision),
        _ => None,
    };
    if whole && past.is_none() {
        let (slice, revision) = cache.all(&selection.prefix);
        let entries = Entries::Shared(slice);
        return Ok(List { entries, revision, continue_token: None, remaining: None });
    }
    if let (Some(key), None) = (only_key, past) {
        let revision = cache.revision();
        let found = cache.get(&key).filter(|entry| selection.matches(entry));
        let entries = Entries::Picked(found.into_iter().collect());
        return Ok(List { entries, revision, continue_token: None, remaining: None });
    }
    let start = format!("{}{}", selection.prefix, reading.start.as_deref().unwrap_or_default());
    let query = Query {
        prefix: &selection.prefix,
        start: &start,
        limit: reading.limit.map_or(0, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        marks: selection.marks(),
        filter: (!selection.is_everything()).then_some(|entry: &Entry| selection.matches(entry)),
    };
    let page = match past {
        None => cache.page(&query),
        Some(revision) => cache.page_at(&query, revision).ok_or_else(|| expired(reading))?,
    };
    Ok(paged(page, selection))
}

fn paged(page: Page, selection: &Selection) -> List {
    let last: Option<&Arc<Entry>> = page.entries.last().filter(|_| page.more);
    let continue_token = last.map(|entry| {
        let relative = entry.key.strip_prefix(&selection.prefix).unwrap_or(&entry.key);
        ContinueToken::after(page.revision, relative).encode()
    });
    List {
        continue_token,
        remaining: page.remaining,
        revision: page.revision,
        entries: Entries::Picked(page.entries),
    }
}

/// 410; a client in the middle of a list is offered to go on with the newest state.
fn expired(reading: &Reading) -> Status {
    let Some(start) = &reading.start else {
        return Status::expired("The resourceVersion for the provided list is too old.");
    };
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can \
         start a new list without the continue parameter, or use the continue token in this \
         response to retrieve the remainder of the results. Continuing with the provided token \
         results in an inconsistent list - objects that were created, modified, or deleted between \
         the time the first chunk was returned and now may show up in the list.",
    );
    let token = ContinueToken { revision: None, start: start.clone() };
    status.continue_token = Some(token.encode());
    status
}
