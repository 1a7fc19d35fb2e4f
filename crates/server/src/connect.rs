//! Connecters: subresources that speak HTTP themselves, as the log, the terminal and the proxy of a
//! pod do.
//!
//! Everything else that is served takes objects and answers with objects. A connecter gets the
//! request as it came and answers with whatever it likes: a stream, a WebSocket, another server's
//! answer. As in Kubernetes it goes on for as long as it needs, does not count among the requests in
//! flight, and admission plugins are asked about it with [`Operation::Connect`](crate::Operation).

use crate::authz::Permit;
use crate::body::{AnyBody, Body, BoxError};
use crate::negotiate;
use crate::part::{AnyCall, Call};
use crate::registry::Resource;
use crate::request::{query_pairs, query_value};
use crate::respond;
use crate::serve::Shutdown;
use crate::shared::Shared;
use crate::verbs::{self, Context};
use crate::websocket::{self, WebSockets};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use pintle_meta::kind::of;
use pintle_meta::{Hub, Status};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

pub use crate::websocket::WebSocket;

/// A message of a client may be this large.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// A subresource that speaks HTTP itself; given to [`Kind::connect`](crate::Kind::connect).
///
/// Who may use it is asked with the verb that Kubernetes has for the method: `get` for GET and HEAD,
/// `create` for POST, `update` for PUT, `patch` for PATCH, `delete` for DELETE. The object of the path
/// is there: one that is not is answered with 404 before. See
/// [`Connecter`](https://pkg.go.dev/k8s.io/apiserver/pkg/registry/rest#Connecter) of Kubernetes.
///
/// ```
/// # use kube::CustomResource;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
/// # #[kube(group = "example.com", version = "v2", kind = "Greeting", namespaced)]
/// # struct GreetingSpec { to: String }
/// # impl pintle::Hub for Greeting {}
/// use bytes::Bytes;
/// use futures::stream;
/// use pintle::{Answer, Call, Connecter, Connection, Kind, Status, async_trait};
/// use std::convert::Infallible;
/// use tokio::sync::broadcast;
///
/// /// `GET …/greetings/NAME/log?follow=true`: who was greeted, and who is from now on.
/// #[derive(Debug)]
/// struct Log(broadcast::Sender<Bytes>);
///
/// #[async_trait]
/// impl Connecter for Log {
///     type Kind = Greeting;
///
///     async fn connect(&self, call: Call<Greeting>, at: Connection) -> Result<Answer, Status> {
///         if at.query("follow") != Some("true") {
///             return Ok(Answer::text(call.object.spec.to));
///         }
///         let lines = stream::unfold(self.0.subscribe(), |mut lines| async move {
///             let line = lines.recv().await.ok()?;
///             Some((Ok::<_, Infallible>(line), lines))
///         });
///         Ok(Answer::stream("text/plain", lines))
///     }
/// }
///
/// let (greeted, _) = broadcast::channel(16);
/// let kind = Kind::<Greeting>::new().connect("log", Log(greeted));
/// ```
#[async_trait]
pub trait Connecter: fmt::Debug + Send + Sync + 'static {
    /// The kind whose objects have this subresource.
    type Kind: Hub;

    /// The methods that are served; others are answered with 405.
    fn methods(&self) -> &'static [&'static str] {
        &["GET"]
    }

    /// Whether the paths below the subresource are served too, as those of a proxy are.
    fn takes_path(&self) -> bool {
        false
    }

    /// Answers a request.
    ///
    /// No time limit is set to this, and none to what is streamed; both end when the server ends or
    /// the client goes. The body of the request has no limit either: what is kept of it must have one.
    ///
    /// # Errors
    /// A [`Status`] that the client gets.
    async fn connect(
        &self,
        call: Call<Self::Kind>,
        connection: Connection,
    ) -> Result<Answer, Status>;
}

/// A request to a [`Connecter`], as it came, without the caller's credentials.
#[derive(Debug)]
pub struct Connection {
    parts: Parts,
    body: Incoming,
    path: String,
    query: Vec<(String, String)>,
    websockets: WebSockets,
    shutdown: Shutdown,
}

impl Connection {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// What the path has behind the subresource, percent signs decoded: empty, or a slash and the
    /// rest. It is what the client has sent: look for `..` before it names a file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first value of a parameter of the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        query_value(&self.query, name)
    }

    /// The HTTP request, whose body can be read as it comes.
    #[must_use]
    pub fn into_request(self) -> Request<Incoming> {
        Request::from_parts(self.parts, self.body)
    }

    /// Whether the client asks for a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        websocket::is_asked(&self.parts.headers)
    }

    /// Opens the WebSocket that the client asks for, in the first protocol of its list that is among
    /// these, or in none where it names none; `serve` talks on it until one side ends.
    ///
    /// # Errors
    /// 400 where the client asks for no WebSocket, or for protocols of which none is known; 429 where
    /// too many are open.
    pub fn websocket<F>(
        mut self,
        protocols: &[&'static str],
        serve: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Result<Answer, Status>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if !self.is_websocket() {
            return Err(Status::bad_request("this is only served over a WebSocket"));
        }
        let protocol = websocket::protocol(&self.parts.headers, protocols)?;
        let upgrade = self.websockets.upgrade(&mut self.parts)?;
        let shutdown = self.shutdown;
        Ok(Answer(upgrade.open(MESSAGE_BYTES_MAX, protocol, |socket| async move {
            tokio::select! {
                () = shutdown.started() => {}
                () = serve(socket) => {}
            }
        })))
    }

    /// Turns the connection over to another protocol, whose name the client has in its `Upgrade`
    /// header; for those that are not WebSocket. Only HTTP/1.1 can do that.
    ///
    /// # Errors
    /// 400 where the client does not ask for it; 429 where too many connections are turned over.
    pub fn upgrade<F>(
        mut self,
        protocol: &'static str,
        serve: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    ) -> Result<Answer, Status>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let asked = self.parts.headers.get(UPGRADE).map(HeaderValue::as_bytes);
        if !asked.is_some_and(|asked| asked.eq_ignore_ascii_case(protocol.as_bytes())) {
            return Err(Status::bad_request(format!("this is only served as {protocol}")));
        }
        let switch = self.websockets.switch(&mut self.parts)?;
        let shutdown = self.shutdown;
        let protocol = HeaderValue::from_static(protocol);
        Ok(Answer(switch.to(protocol, |io| async move {
            tokio::select! {
                () = shutdown.started() => {}
                () = serve(io) => {}
            }
        })))
    }
}

/// What a [`Connecter`] answers: any HTTP response, with a body of any kind.
#[derive(Debug)]
pub struct Answer(Response<Body>);

impl Answer {
    /// 200 with plain text.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self(respond::text(200, text))
    }

    /// 200 with a body that comes in pieces. Where a piece is an error the client sees an answer that
    /// breaks off.
    pub fn stream<E: Into<BoxError>>(
        content_type: &'static str,
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        let frames = pieces.map(|piece| piece.map(Frame::data).map_err(Into::into));
        let mut response = Response::new(StreamBody::new(frames));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.into()
    }
}

impl<B> From<Response<B>> for Answer
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn from(response: Response<B>) -> Self {
        Self(response.map(|body| Body::Any(body.map_err(Into::into).boxed_unsync())))
    }
}

/// A connecter and its name, with its kind out of view.
#[derive(Debug)]
pub(crate) struct Connect {
    pub name: String,
    /// What it may be asked for, as authorization and discovery say it, sorted.
    pub verbs: Vec<&'static str>,
    pub connecter: Arc<dyn AnyConnecter>,
}

impl Connect {
    pub(crate) fn new(name: &str, connecter: impl Connecter) -> Self {
        let verb = |method: &&str| match *method {
            "GET" => Some("get"),
            "POST" => Some("create"),
            "PUT" => Some("update"),
            "PATCH" => Some("patch"),
            "DELETE" => Some("delete"),
            // As in Kubernetes these are served, and not shown.
            _ => None,
        };
        let mut verbs: Vec<_> = connecter.methods().iter().filter_map(verb).collect();
        verbs.sort_unstable();
        verbs.dedup();
        Self { name: name.to_owned(), verbs, connecter: Arc::new(connecter) }
    }

    /// Whether it answers requests with this method.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        self.connecter.methods().contains(&method.as_str())
    }
}

/// A [`Connecter`] with its type out of view.
#[async_trait]
pub(crate) trait AnyConnecter: fmt::Debug + Send + Sync {
    fn methods(&self) -> &'static [&'static str];
    fn takes_path(&self) -> bool;
    async fn connect(&self, call: AnyCall, connection: Connection) -> Result<Answer, Status>;
}

#[async_trait]
impl<C: Connecter> AnyConnecter for C {
    fn methods(&self) -> &'static [&'static str] {
        Connecter::methods(self)
    }

    fn takes_path(&self) -> bool {
        Connecter::takes_path(self)
    }

    async fn connect(&self, call: AnyCall, connection: Connection) -> Result<Answer, Status> {
        let AnyCall { object, json, request } = call;
        let call = Call { object: of::<C::Kind>(&*object).clone(), json, request };
        Connecter::connect(self, call, connection).await
    }
}

/// Hands a request on to the connecter that it is for.
pub(crate) async fn answer(
    shared: &Shared,
    _: Permit,
    found: (Arc<Resource>, usize),
    asked: pintle_meta::Request,
    request: Request<Incoming>,
    path: String,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = query_pairs(parts.uri.query());
    let plain = negotiate::plain(&parts.headers, &query, shared.cbor);
    let nothing = (None, Bytes::new());
    let cx = Context::new(shared, found, asked, query.clone(), nothing, String::new(), plain);
    let (websockets, shutdown) = (shared.websockets.clone(), shared.shutdown.clone());
    let connection = Connection { parts, body, path, query, websockets, shutdown };
    match verbs::connect(&cx, connection).await {
        Ok(Answer(response)) => until_the_end(response, shared.shutdown.clone()),
        Err(failure) => respond::status(&failure, plain),
    }
}

/// What is streamed breaks off when the server ends.
fn until_the_end(response: Response<Body>, shutdown: Shutdown) -> Response<Body> {
    response.map(|body| match body {
        Body::Any(body) => {
            let end = Box::pin(async move { shutdown.started().await });
            Body::Any(Ending { body, end: Some(end) }.boxed_unsync())
        }
        body => body,
    })
}

/// A body that goes on until something ends.
struct Ending {
    body: AnyBody,
    /// Gone once it has ended.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        if end.as_mut().poll(cx).is_ready() {
            self.end = None;
            return Poll::Ready(Some(Err("the server is ending".into())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
