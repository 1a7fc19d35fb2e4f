//! DELETE of a collection.

use super::Context;
use super::delete::{self, Deleted};
use super::list;
use super::select::Selection;
use crate::reply::{Entries, Reply};
use crate::store::Store;
use pintle_meta::options::ListOptions;
use pintle_meta::{Reason, Status};

/// DELETE of a collection: the objects that a list with the same options shows are deleted one by
/// one. What somebody else deletes in the meantime is not missed; any other error ends it.
pub(super) async fn delete(cx: &Context, store: &Store) -> Result<Reply, Status> {
    let options = ListOptions::from_query(&cx.query)?;
    let selection = Selection::new(cx, &options)?;
    let delete_options = delete::options(cx)?;
    delete_options.check_for_collection()?;
    let mut list = list::read(cx, store, &selection, &options.reading()?).await?;
    let entries = match std::mem::replace(&mut list.entries, Entries::Picked(Vec::new())) {
        Entries::Picked(entries) => entries,
        Entries::Shared(slice) => slice.iter().filter(|entry| !entry.removed).cloned().collect(),
    };
    for entry in &entries {
        match delete::delete(cx, store, &entry.key, &delete_options).await {
            Ok(Deleted::Gone(_) | Deleted::Waiting(_)) => {}
            Err(status) if status.is(Reason::NotFound) => {}
            Err(status) => return Err(status),
        }
    }
    list.entries = Entries::Picked(entries);
    Ok(Reply::List(list))
}
