//! Subresources: parts of an object that are read and written on their own, and actions on it.

use crate::typing::LazyTyping;
use async_trait::async_trait;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pintle_meta::kind::{of, of_mut};
use pintle_meta::object::Served;
use pintle_meta::protobuf::LazyCodec;
use pintle_meta::scale::ScalePaths;
use pintle_meta::{Hub, Object, Request, Status, VersionInfo, decode, encode, kind};
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
    /// Where this is the scale of the objects.
    pub scale: Option<ScaleOf>,
}

type Get = Arc<dyn Fn(&dyn Object) -> Result<Box<dyn Object>, Status> + Send + Sync>;
type Set = Arc<dyn Fn(&mut Box<dyn Object>, Box<dyn Object>) -> Result<(), Status> + Send + Sync>;

/// The `scale` subresource of one version of a kind.
#[derive(Debug)]
pub(crate) struct ScaleOf {
    /// The position of the version, the only one that serves it.
    pub version: usize,
    pub paths: ScalePaths,
}

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
                identify(part.meta_mut(), object.meta());
                Ok(Box::new(part))
            }),
            set: Arc::new(move |object, part| {
                set(of_mut::<K>(object.as_mut()), of::<P>(&*part).clone());
                Ok(())
            }),
            typing: LazyTyping::new(),
            scale: None,
        }
    }

    /// The scale of a version that declares one.
    pub(crate) fn scale(at: usize, version: &VersionInfo, paths: &ScalePaths) -> Self {
        let (encode, convert) = (version.encode, version.convert);
        let json = move |object: &dyn Object| -> Result<Value, Status> {
            let encoded = encode(object, None).map_err(|e| Status::internal(&e))?;
            serde_json::from_slice(&encoded.bytes).map_err(|e| Status::internal(&e))
        };
        let (read, write) = (paths.clone(), paths.clone());
        Self {
            name: "scale".to_owned(),
            body: BodyKind::of::<Scale>(),
            get: Arc::new(move |object| {
                let mut scale = read.read(&json(object)?).map_err(Status::internal)?;
                identify(&mut scale.metadata, object.meta());
                Ok(Box::new(scale))
            }),
            set: Arc::new(move |object, scale| {
                let mut value = json(object.as_ref())?;
                write.write(&mut value, of::<Scale>(&*scale)).map_err(Status::bad_request)?;
                *object = convert(value).map_err(|e| Status::bad_request(e.to_string()))?;
                Ok(())
            }),
            typing: LazyTyping::new(),
            scale: Some(ScaleOf { version: at, paths: paths.clone() }),
        }
    }
}

/// Gives a part what tells its object from others.
fn identify(part: &mut ObjectMeta, object: &ObjectMeta) {
    part.name.clone_from(&object.name);
    part.namespace.clone_from(&object.namespace);
    part.uid.clone_from(&object.uid);
    part.creation_timestamp.clone_from(&object.creation_timestamp);
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
