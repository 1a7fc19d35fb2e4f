//! GET of a collection.

use super::Context;
use super::select::Selection;
use crate::cache::{Entries, Entry, Page, Query};
use crate::reply::{List, Reply};
use crate::store::{Source, Store};
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
    let cache = store.cache();
    let may_pass = selection.is_everything() && reading.limit.is_some();
    let source = store.source(reading.at, may_pass).await?;
    store.check_readable(&selection.prefix)?;
    let whole = reading.start.is_none() && reading.limit.is_none() && selection.is_everything();
    // Who goes on with a list that selected something else goes on behind where it was.
    let only_key = match reading.start {
        None => selection.only_key(cx.resource.kind.namespaced),
        Some(_) => None,
    };
    let past = match (reading.at, source) {
        // There are no pages of one object, so that a limit does not ask for an earlier state.
        (ReadAt::Exact(_), _) if only_key.is_some() && !reading.says_exact => None,
        (ReadAt::Exact(revision), Source::Cache(reached)) if revision == reached => None,
        (ReadAt::Exact(revision), _) => Some(revision),
        _ => None,
    };
    if whole && past.is_none() && source != Source::Storage {
        let (slice, revision) = cache.all(&selection.prefix);
        cache.counts.lists.add(slice.len(), slice.len());
        let entries = Entries::Shared(slice);
        return Ok(List { entries, revision, continue_token: None, remaining: None });
    }
    if let (Some(key), None, Source::Cache(_)) = (only_key, past, source) {
        let revision = cache.revision();
        let found = cache.get(&key).filter(|entry| selection.matches(entry));
        let entries = Entries::Picked(found.into_iter().collect());
        return Ok(List { entries, revision, continue_token: None, remaining: None });
    }
    let start = format!("{}{}", selection.base, reading.start.as_deref().unwrap_or_default());
    let wanted = selection.wanted(cx);
    let limit = reading.limit.map_or(0, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let query = Query { start: &start, limit, ..selection.query(&wanted) };
    let cached = match (source, past) {
        (Source::Storage, _) => None,
        (Source::Cache(_), None) => Some(cache.page(&query)),
        (Source::Cache(_), Some(revision)) => cache.page_at(&query, revision),
    };
    let page = match cached {
        Some(page) => {
            cache.counts.lists.add(page.looked, page.len);
            page
        }
        None => {
            let page = store.page_stored(&query, past.unwrap_or_default()).await?;
            page.ok_or_else(|| expired(reading))?
        }
    };
    Ok(paged(page, selection))
}

fn paged(page: Page, selection: &Selection) -> List {
    let last: Option<&Arc<Entry>> = page.last.as_ref().filter(|_| page.more);
    let continue_token = last.map(|entry| {
        let relative = entry.key.strip_prefix(&selection.base).unwrap_or(&entry.key);
        ContinueToken::after(page.revision, relative).encode()
    });
    List {
        continue_token,
        remaining: page.remaining,
        revision: page.revision,
        entries: page.entries,
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
