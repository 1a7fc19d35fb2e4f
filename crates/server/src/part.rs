//! Subresources: parts of an object that are read and written on their own, and actions on it.

use crate::typing::LazyTyping;
use async_trait::async_trait;
use pintle_meta::kind::{of, of_mut};
use pintle_meta::object::Served;
use pintle_meta::protobuf::LazyCodec;
use pintle_meta::{Hub, Object, Request, Status, decode, encode, kind};
use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

/// The `status` subresource with the kind's type out of view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusPart {
    /// Gives the first object the status of the second.
    pub copy: fn(&mut dyn Object, &dyn Object),
    /// Takes the status away.
    pub clear: fn(&mut dyn Object),
    /// Whether a write to the object itself may change the status too.
    pub main_may_write: bool,
}

/// A part of an object with a kind of its own: GET, PUT and PATCH at `NAME/PART`.
pub(crate) struct Part {
    pub name: String,
    pub body: BodyKind,
    pub get: Get,
    pub set: Set,
    pub typing: LazyTyping,
}

type Get = Arc<dyn Fn(&dyn Object) -> Box<dyn Object> + Send + Sync>;
type Set = Arc<dyn Fn(&mut dyn Object, Box<dyn Object>) + Send + Sync>;

/// Something that can be done with an object: POST at `NAME/ACTION`.
pub(crate) struct Action {
    pub name: String,
    pub body: BodyKind,
    pub call: Arc<dyn Callable>,
    pub typing: LazyTyping,
}

/// The kind of a subresource's body with its type out of view.
#[derive(Clone, Debug)]
pub(crate) struct BodyKind {
    pub group: String,
    pub version: String,
    pub api_version: String,
    pub kind: String,
    pub decode: fn(Value) -> Result<decode::Decoded, decode::Error>,
    pub encode: fn(&dyn Object, Option<u64>) -> Result<encode::Encoded, encode::Error>,
    pub zero: fn() -> Value,
    pub schema: fn() -> Value,
    pub protobuf: LazyCodec,
}

impl BodyKind {
    pub(crate) fn of<B: Served>() -> Self {
        Self {
            group: B::group(&()).into_owned(),
            version: B::version(&()).into_owned(),
            api_version: B::api_version(&()).into_owned(),
            kind: B::kind(&()).into_owned(),
            decode: |value| {
                let (object, unknown) = decode::typed::<B>(value)?;
                Ok(decode::Decoded { object: Box::new(object), unknown })
            },
            encode: |object, revision| {
                encode::encode(of::<B>(object), &B::kind(&()), &B::api_version(&()), revision)
            },
            zero: kind::zero::<B>,
            schema: kind::schema::<B>,
            protobuf: LazyCodec::of::<B>(),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Part {
    pub(crate) fn new<K: Hub, P: Served>(
        name: &str,
        get: impl Fn(&K) -> P + Send + Sync + 'static,
        set: impl Fn(&mut K, P) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            body: BodyKind::of::<P>(),
            get: Arc::new(move |object| {
                let mut part = get(of::<K>(object));
                let (from, to) = (object.meta(), part.meta_mut());
                to.name.clone_from(&from.name);
                to.namespace.clone_from(&from.namespace);
                to.uid.clone_from(&from.uid);
                to.creation_timestamp.clone_from(&from.creation_timestamp);
                Box::new(part)
            }),
            set: Arc::new(move |object, part| set(of_mut::<K>(object), of::<P>(&*part).clone())),
            typing: LazyTyping::new(),
        }
    }
}

/// A call of an action: the object it is called on, and who calls.
#[derive(Debug)]
pub struct Call<K> {
    /// The object, in the hub version.
    pub object: K,
    /// The object as JSON in the version of the request's path.
    pub json: Value,
    /// The request.
    pub request: Request,
}

/// An erased [`Call`].
#[derive(Debug)]
pub(crate) struct AnyCall {
    pub object: Box<dyn Object>,
    pub json: Value,
    pub request: Request,
}

/// An async function that takes a [`Call`] and a body, with its types out of view.
#[async_trait]
pub(crate) trait Callable: Send + Sync {
    async fn call(&self, call: AnyCall, body: Box<dyn Object>) -> Result<Box<dyn Object>, Status>;
}

struct Function<K, B, F>(F, PhantomData<fn(K, B)>);

#[async_trait]
impl<K, B, F, R> Callable for Function<K, B, F>
where
    K: Hub,
    B: Served,
    F: Fn(Call<K>, B) -> R + Send + Sync,
    R: Future<Output = Result<B, Status>> + Send,
{
    async fn call(&self, call: AnyCall, body: Box<dyn Object>) -> Result<Box<dyn Object>, Status> {
        let AnyCall { object, json, request } = call;
        let call = Call { object: of::<K>(&*object).clone(), json, request };
        let answer = (self.0)(call, of::<B>(&*body).clone()).await?;
        Ok(Box::new(answer))
    }
}

impl Action {
    pub(crate) fn new<K, B, F, R>(name: &str, function: F) -> Self
    where
        K: Hub,
        B: Served,
        F: Fn(Call<K>, B) -> R + Send + Sync + 'static,
        R: Future<Output = Result<B, Status>> + Send + 'static,
    {
        let call = Arc::new(Function(function, PhantomData));
        let typing = LazyTyping::new();
        Self { name: name.to_owned(), body: BodyKind::of::<B>(), call, typing }
    }
}
