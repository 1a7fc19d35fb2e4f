//! DELETE of a collection.

use super::Context;
use super::delete;
use super::list;
use super::select::Selection;
use crate::cache::{Entries, Entry};
use crate::reply::Reply;
use crate::store::Store;
use futures::future::join_all;
use pintle_meta::options::{DeleteOptions, ListOptions};
use pintle_meta::{Reason, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many objects are listed at a time, as in Kubernetes. That there is a limit shows: a resource
/// version then means that state and no later one.
const PAGE: i64 = 10_000;

/// DELETE of a collection: the objects that a list with the same options shows are deleted, as many at
/// a time as there are workers. What somebody else deletes in the meantime is not missed; any other
/// error ends the worker that meets it, and with the last of them the deletion.
pub(super) async fn delete(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let mut options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let delete_options = delete::options(cx)?;
    let one_page = options.limit > 0;
    if options.limit == 0 {
        options.limit = PAGE;
    }
    let mut list = list::read(cx, store, &selection, &options.reading()?).await?;
    let mut entries = Vec::new();
    loop {
        let page = std::mem::replace(&mut list.entries, Entries::Picked(Vec::new()));
        delete_page(cx, store, page, &delete_options, &mut entries).await?;
        let Some(token) = list.continue_token.clone().filter(|_| !one_page) else { break };
        (options.continue_token, options.resource_version) = (token, String::new());
        options.resource_version_match = None;
        let next = list::read(cx, store, &selection, &options.reading()?).await?;
        list.continue_token = next.continue_token;
        list.entries = next.entries;
    }
    list.entries = Entries::Picked(entries);
    Ok(Reply::List(list))
}

/// Deletes the objects of a page, and adds them to those that have been deleted.
async fn delete_page(
    cx: &Context,
    store: &Store,
    page: Entries,
    options: &DeleteOptions,
    deleted: &mut Vec<Arc<Entry>>,
) -> Result<(), Status> {
    let entries: Vec<Arc<Entry>> = page.iter().cloned().collect();
    if !entries.is_empty() {
        cx.check_namespace()?;
    }
    let next = AtomicUsize::new(0);
    let worker = || async {
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            match delete::delete(cx, store, &entry.key, options).await {
                Err(status) if !status.is(Reason::NotFound) => return Err(status),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    };
    let workers = cx.deletion.workers.min(entries.len());
    let done = join_all((0..workers).map(|_| worker())).await;
    done.into_iter().collect::<Result<(), Status>>()?;
    deleted.extend(entries);
    Ok(())
}
