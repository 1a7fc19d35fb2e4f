//! GET of one object.

use super::{Context, fields, own};
use crate::cache::Entry;
use crate::part::Part;
use crate::registry::Backing;
use crate::reply::Reply;
use crate::store::Store;
use pintle_meta::options::{GetOptions, ReadAt};
use pintle_meta::{GroupResource, Object, Reason, Status};
use std::sync::Arc;

/// GET of an object, or of its status, which is the same document.
pub(super) async fn object(cx: &Context, store: &Store) -> Result<Reply, Status> {
    cx.check_name()?;
    let entry = store.get(&cx.key(), read_at(cx)?).await?;
    Ok(Reply::Object { code: 200, entry })
}

/// GET of a part.
pub(super) async fn part(cx: &Context, part: &Part) -> Result<Reply, Status> {
    cx.check_name()?;
    let (object, entry) = found(cx, read_at(cx)?).await.map_err(|status| {
        let resource = format!("{}/{}", cx.resource.kind.plural, part.name);
        let on = GroupResource { group: cx.resource.kind.group.clone(), resource };
        match status.is(Reason::NotFound) && part.scale.is_none() {
            true => Status::not_found(&on, &cx.request.name),
            false => status,
        }
    })?;
    if let Some(scale) = &part.scale {
        let json = fields::stored_json(cx, &entry)?;
        scale.paths.require(&json).map_err(Status::internal)?;
    }
    let part_object = (part.get)(object.as_ref())?;
    let encoded = (part.body.encode)(part_object.as_ref(), Some(entry.revision));
    let json = encoded.map_err(|e| Status::internal(&e))?.bytes.into();
    Ok(Reply::Other { code: 200, json, protobuf: part.body.protobuf.clone() })
}

/// The object that the path names, wherever it is kept.
pub(super) async fn found(
    cx: &Context,
    at: ReadAt,
) -> Result<(Box<dyn Object>, Arc<Entry>), Status> {
    match &cx.resource.backing {
        Backing::Store(store) => {
            let entry = store.get(&cx.key(), at).await?;
            Ok((store.decode(&entry)?, entry))
        }
        Backing::Rest(rest) => own::object(cx, rest.as_ref()).await,
    }
}

fn read_at(cx: &Context) -> Result<ReadAt, Status> {
    GetOptions::from_query(&cx.query)?.read_at()
}
