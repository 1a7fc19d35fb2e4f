//! Subresources that speak HTTP themselves, with clients that do so too.

use crate::harness::{Http, Served, soon};
use bytes::Bytes;
use futures::{AsyncBufReadExt, SinkExt, StreamExt, TryStreamExt, stream};
use http::{Request as HttpRequest, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kube::CustomResource;
use kube::api::{Api, Log, LogParams, PostParams};
use pintle::tokio_tungstenite::WebSocketStream;
use pintle::tokio_tungstenite::tungstenite::Message;
use pintle::tokio_tungstenite::tungstenite::protocol::Role;
use pintle::{
    Admission, Answer, Attributes, Call, Connecter, Connection, Hub, Kind, Object, Operation,
    Request, Rest, Server, Status, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::sync::broadcast;

/// A Machine does as it is told.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "connect.example.com", version = "v1", kind = "Machine", namespaced)]
struct MachineSpec {
    /// What it is told.
    #[serde(default)]
    orders: Vec<String>,
}

impl Hub for Machine {}

/// It has a log like that of a pod.
impl Log for Machine {}

/// `GET log`: the orders as lines; with `follow`, what is said later too.
#[derive(Debug)]
struct Logs(broadcast::Sender<String>);

#[async_trait]
impl Connecter for Logs {
    type Kind = Machine;

    async fn connect(&self, call: Call<Machine>, at: Connection) -> Result<Answer, Status> {
        let mut said: Vec<String> = call.object.spec.orders;
        if let Some(lines) = at.query("tailLines") {
            let lines = lines.parse().map_err(|_| Status::bad_request("tailLines is no number"))?;
            said = said.split_off(said.len().saturating_sub(lines));
        }
        if at.query("follow") != Some("true") {
            return Ok(Answer::text(said.join("\n")));
        }
        let later = stream::unfold(self.0.subscribe(), |mut later| async move {
            let line = later.recv().await.ok()?;
            Some((line, later))
        });
        let lines = stream::iter(said).chain(later).map(|line| match line.as_str() {
            "broken" => Err(io::Error::other("the disk is broken")),
            line => Ok(Bytes::from(format!("{line}\n"))),
        });
        Ok(Answer::stream("text/plain", lines))
    }
}

/// `exec`: says what it hears, over a WebSocket.
#[derive(Debug)]
struct Exec;

#[async_trait]
impl Connecter for Exec {
    type Kind = Machine;

    fn methods(&self) -> &'static [&'static str] {
        &["GET", "POST"]
    }

    async fn connect(&self, call: Call<Machine>, at: Connection) -> Result<Answer, Status> {
        if !at.is_websocket() && at.headers().contains_key("upgrade") {
            return at.upgrade("echo/1", |io| async move {
                let (mut reader, mut writer) = split(io);
                let _ = copy(&mut reader, &mut writer).await;
            });
        }
        let name = call.object.metadata.name.unwrap_or_default();
        at.websocket(&["v5.channel.k8s.io", "v4.channel.k8s.io"], |mut socket| async move {
            while let Some(Ok(message)) = socket.next().await {
                let answer = match message {
                    Message::Text(text) => Message::text(format!("{name}: {text}")),
                    Message::Binary(bytes) => Message::Binary(bytes),
                    Message::Close(_) => break,
                    _ => continue,
                };
                if socket.send(answer).await.is_err() {
                    break;
                }
            }
        })
    }
}

/// `proxy`: says what it was asked, and streams the body back.
#[derive(Debug)]
struct Proxy;

#[async_trait]
impl Connecter for Proxy {
    type Kind = Machine;

    fn methods(&self) -> &'static [&'static str] {
        &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    }

    fn takes_path(&self) -> bool {
        true
    }

    async fn connect(&self, call: Call<Machine>, at: Connection) -> Result<Answer, Status> {
        if at.query("slow").is_some() {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        let verb = call.request.verb;
        let asked = format!("{} {} {verb} {}", at.method(), at.path(), call.json["kind"]);
        let secret = ["authorization", "impersonate-user", "impersonate-group"];
        let secret = secret.iter().any(|name| at.headers().contains_key(*name));
        let request = at.into_request();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let response = Response::builder().status(207).header("x-asked", asked);
        let response = response.header("x-secret", secret.to_string()).header("x-query", query);
        Ok(response.body(request.into_body()).unwrap().into())
    }
}

/// A Relay keeps nothing.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "connect.example.com", version = "v1", kind = "Relay")]
struct RelaySpec {}

impl Hub for Relay {}

#[derive(Debug)]
struct Relays;

#[async_trait]
impl Rest for Relays {
    type Kind = Relay;

    async fn list(&self, _: &Request) -> Result<Vec<Relay>, Status> {
        Ok(vec![Relay::new("one", RelaySpec {})])
    }
}

#[derive(Debug)]
struct Hello;

#[async_trait]
impl Connecter for Hello {
    type Kind = Relay;

    async fn connect(&self, call: Call<Relay>, _: Connection) -> Result<Answer, Status> {
        Ok(Answer::text(format!("hello {}", call.object.metadata.name.unwrap_or_default())))
    }
}

#[derive(Debug)]
struct NotThatOne;

#[async_trait]
impl Admission for NotThatOne {
    async fn validate(&self, at: &Attributes<'_>, _: Option<&dyn Object>) -> Result<(), Status> {
        match (at.operation, at.name) {
            (Operation::Connect, "closed") => Err(at.forbidden("it is closed")),
            _ => Ok(()),
        }
    }
}

const MACHINES: &str = "/apis/connect.example.com/v1/namespaces/default/machines";

/// A server with two machines, and what is said in its logs.
async fn served() -> (Served, broadcast::Sender<String>) {
    let (say, _) = broadcast::channel(16);
    let machines = Kind::<Machine>::new()
        .connect("log", Logs(say.clone()))
        .connect("exec", Exec)
        .connect("proxy", Proxy);
    let relays = Kind::rest(Relays).connect("hello", Hello);
    let server = Server::new("machines").kind(machines).kind(relays).admit(NotThatOne);
    let served = Served::start_with(server, |options| {
        options.insecure_allow_all = true;
        options.enable_admission = true;
        options.lifecycle.request_timeout = Duration::from_secs(1);
        options.lifecycle.max_requests_inflight = 1;
    })
    .await;
    let api = Api::<Machine>::namespaced(served.kube(), "default");
    for name in ["a", "closed"] {
        let orders = vec!["up".to_owned(), "down".to_owned()];
        let machine = Machine::new(name, MachineSpec { orders });
        api.create(&PostParams::default(), &machine).await.unwrap();
    }
    (served, say)
}

#[tokio::test]
async fn a_log_is_read_and_followed() {
    let (served, say) = served().await;
    let api = Api::<Machine>::namespaced(served.kube(), "default");
    let whole = api.logs("a", &LogParams::default()).await.unwrap();
    assert_eq!(whole, "up\ndown");
    let tail = LogParams { tail_lines: Some(1), ..LogParams::default() };
    assert_eq!(api.logs("a", &tail).await.unwrap(), "down");
    let follow = LogParams { follow: true, ..LogParams::default() };
    // One request in flight is the limit, and these two are under way at the same time.
    let mut first = api.log_stream("a", &follow).await.unwrap().lines();
    let mut second = api.log_stream("a", &follow).await.unwrap().lines();
    for want in ["up", "down"] {
        assert_eq!(soon(first.try_next()).await.unwrap().unwrap(), want);
        assert_eq!(soon(second.try_next()).await.unwrap().unwrap(), want);
    }
    // Longer than a request may take.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    say.send("again".to_owned()).unwrap();
    assert_eq!(soon(first.try_next()).await.unwrap().unwrap(), "again");
    assert_eq!(soon(second.try_next()).await.unwrap().unwrap(), "again");
    // An error shows as an answer that breaks off, not as one that is complete.
    say.send("broken".to_owned()).unwrap();
    assert!(soon(first.try_next()).await.is_err());
    let third = api.log_stream("a", &follow).await.unwrap();
    let stopped = tokio::spawn(served.stop());
    assert!(soon(third.lines().try_collect::<Vec<_>>()).await.is_err(), "the server has ended");
    soon(stopped).await.unwrap();
}

#[tokio::test]
async fn a_proxy_gets_methods_paths_and_streams() {
    let (served, _) = served().await;
    let proxy = format!("{MACHINES}/a/proxy");
    for (method, verb) in [
        ("DELETE", "delete"),
        ("GET", "get"),
        ("HEAD", "get"),
        ("OPTIONS", ""),
        ("PATCH", "patch"),
        ("POST", "create"),
        ("PUT", "update"),
    ] {
        for (path, shown) in
            [("", ""), ("/", "/"), ("/some/path/", "/some/path/"), ("/a%20b", "/a b")]
        {
            let line = format!("{method} {proxy}{path}?slow=&watch=true");
            let line = if path.is_empty() { line } else { line.replace("slow=&", "") };
            let token = format!("Bearer {}", served.token());
            let acting = [("impersonate-user", "jane"), ("impersonate-group", "system:masters")];
            let headers = [&[("authorization", token.as_str())], &acting[..]].concat();
            let answer = served.send_with(&line, &headers, "said").await;
            assert_eq!(answer.code, 207, "{line}: {}", answer.text());
            assert_eq!(answer.header("x-asked"), format!("{method} {shown} {verb} \"Machine\""));
            assert_eq!(answer.header("x-secret"), "false");
            assert!(answer.header("x-query").ends_with("watch=true"));
            assert_eq!(answer.text(), if method == "HEAD" { "" } else { "said" }, "{line}");
            assert!(!answer.header("audit-id").is_empty());
        }
    }
    // More than a body that is read at once may have.
    let large = Bytes::from(vec![7; 4 << 20]);
    for http in [Http::One, Http::Two] {
        let answer = served.send_over(http, &format!("POST {proxy}/x"), &[], large.clone()).await;
        assert_eq!((answer.code, answer.body.len()), (207, large.len()));
    }
}

#[tokio::test]
async fn what_is_not_served_is_refused() {
    let (served, _) = served().await;
    for (line, code, why) in [
        (format!("GET {MACHINES}/none/log"), 404, "not found"),
        (format!("GET {MACHINES}/closed/log"), 403, "it is closed"),
        (format!("POST {MACHINES}/a/log"), 405, "does not allow this method"),
        (format!("HEAD {MACHINES}/a/log"), 405, ""),
        (format!("GET {MACHINES}/a/log/more"), 404, "could not find the requested resource"),
        (format!("GET {MACHINES}/a/log?dryRun=All"), 400, "dryRun is not supported"),
        (format!("GET {MACHINES}/a/log?tailLines=x"), 400, "tailLines is no number"),
        (format!("GET {MACHINES}/a/exec"), 400, "only served over a WebSocket"),
        (format!("GET {MACHINES}/a/nothing"), 404, "could not find the requested resource"),
    ] {
        let answer = served.send(&line, "").await;
        assert_eq!(answer.code, code, "{line}: {}", answer.text());
        assert!(answer.text().contains(why), "{line}: {}", answer.text());
    }
    let relay = "/apis/connect.example.com/v1/relays";
    let answer = served.send(&format!("GET {relay}/one/hello"), "").await;
    assert_eq!((answer.code, answer.text()), (200, "hello one"));
    let answer = served.send(&format!("GET {relay}/two/hello"), "").await;
    assert_eq!((answer.code, answer.at("/reason").as_str()), (404, "NotFound"));
}

/// Asks for an upgrade, and returns the code, the protocol, and the connection where it was granted.
async fn upgrade(
    served: &Served,
    headers: &[(&str, &str)],
) -> (u16, String, Option<TokioIo<hyper::upgrade::Upgraded>>) {
    let stream = TokioIo::new(served.connect(b"http/1.1").await);
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let mut request = HttpRequest::builder().uri(format!("{MACHINES}/a/exec")).header("host", "a");
    for (name, value) in [("connection", "Upgrade")].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    let code = response.status().as_u16();
    if code != 101 {
        let text = soon(response.into_body().collect()).await.unwrap().to_bytes();
        return (code, String::from_utf8(text.to_vec()).unwrap(), None);
    }
    let protocol = response.headers().get("sec-websocket-protocol");
    let protocol = protocol.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let upgraded = soon(hyper::upgrade::on(response)).await.unwrap();
    (code, protocol, Some(TokioIo::new(upgraded)))
}

#[tokio::test]
async fn a_websocket_is_its_authors() {
    let (served, _) = served().await;
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let asks = [("upgrade", "websocket"), key];
    let known = [("sec-websocket-protocol", "v9.channel.k8s.io, v4.channel.k8s.io")];
    let (code, protocol, io) = upgrade(&served, &[&asks[..], &known[..]].concat()).await;
    assert_eq!((code, protocol.as_str()), (101, "v4.channel.k8s.io"));
    let mut socket = WebSocketStream::from_raw_socket(io.unwrap(), Role::Client, None).await;
    for (message, want) in [
        (Message::text("hi"), Message::text("a: hi")),
        (Message::binary(vec![0, 1]), Message::binary(vec![0, 1])),
        (Message::binary(vec![5; 1 << 20]), Message::binary(vec![5; 1 << 20])),
    ] {
        soon(socket.send(message)).await.unwrap();
        assert!(soon(socket.next()).await.unwrap().unwrap() == want, "it says what it hears");
    }
    // A message over the limit ends it.
    let _ = soon(socket.send(Message::binary(vec![5; (1 << 20) + 1]))).await;
    assert!(!matches!(soon(socket.next()).await, Some(Ok(Message::Binary(_)))));
    let unknown = [("sec-websocket-protocol", "v9.channel.k8s.io")];
    let (code, why, _) = upgrade(&served, &[&asks[..], &unknown[..]].concat()).await;
    assert_eq!(code, 400);
    assert!(why.contains("unable to negotiate protocol: client supports [v9.channel.k8s.io]"));
    let (code, why, _) = upgrade(&served, &asks[..1]).await;
    assert_eq!(code, 400, "{why}");
    let (code, protocol, io) = upgrade(&served, &asks).await;
    assert_eq!((code, protocol.as_str()), (101, ""));
    // The end of the server is the end of what was opened, too.
    let mut socket = WebSocketStream::from_raw_socket(io.unwrap(), Role::Client, None).await;
    soon(socket.send(Message::text("hi"))).await.unwrap();
    assert_eq!(soon(socket.next()).await.unwrap().unwrap(), Message::text("a: hi"));
    soon(served.stop()).await;
    assert!(!matches!(soon(socket.next()).await, Some(Ok(_))));
}

#[tokio::test]
async fn any_other_protocol_can_be_spoken() {
    let (served, _) = served().await;
    let (code, _, io) = upgrade(&served, &[("upgrade", "ECHO/1")]).await;
    assert_eq!(code, 101);
    let mut io = io.unwrap();
    soon(io.write_all(b"there")).await.unwrap();
    let mut read = [0; 5];
    soon(io.read_exact(&mut read)).await.unwrap();
    assert_eq!(&read, b"there");
    let (code, why, _) = upgrade(&served, &[("upgrade", "SPDY/3.1")]).await;
    assert_eq!(code, 400);
    assert!(why.contains("only served as echo/1"), "{why}");
}

#[tokio::test]
async fn it_is_described() {
    let (served, _) = served().await;
    let answer = served.send("GET /apis/connect.example.com/v1", "").await;
    let resources = answer.json()["resources"].as_array().unwrap().clone();
    for (name, verbs) in [
        ("machines/exec", r#"["create","get"]"#),
        ("machines/log", r#"["get"]"#),
        ("machines/proxy", r#"["create","delete","get","patch","update"]"#),
        ("relays/hello", r#"["get"]"#),
    ] {
        let found = resources.iter().find(|one| one["name"] == name).unwrap();
        assert_eq!(found["verbs"].to_string(), verbs, "{name}");
        assert_eq!(found["namespaced"], name.starts_with("machines"));
    }
    let document = served.send("GET /openapi/v3/apis/connect.example.com/v1", "").await.json();
    let path = format!("{}/{{name}}", MACHINES.replace("default", "{namespace}"));
    let paths = &document["paths"];
    let log = &paths[format!("{path}/log")];
    assert_eq!(log["get"]["operationId"], "connectConnectExampleComV1GetNamespacedMachineLog");
    assert_eq!(log["get"]["description"], "connect GET requests to log of Machine");
    assert_eq!(log["get"]["x-kubernetes-action"], "connect");
    assert!(log["post"].is_null());
    let below = &paths[format!("{path}/proxy/{{path}}")];
    let id = "connectConnectExampleComV1OptionsNamespacedMachineProxyWithPath";
    assert_eq!(below["options"]["operationId"], id);
    let names: Vec<_> =
        below["parameters"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["name", "namespace", "path"]);
    let old = served.send("GET /openapi/v2", "").await.json();
    let head = &old["paths"][format!("{path}/proxy")]["head"];
    assert_eq!(head["produces"].to_string(), r#"["*/*"]"#);
    assert_eq!(head["consumes"].to_string(), r#"["*/*"]"#);
    served.send(&format!("POST {MACHINES}/a/proxy"), "").await;
    let metrics = served.send("GET /metrics", "").await;
    let line = r#"scope="resource",subresource="proxy",verb="CONNECT",version="v1",code="207"} 1"#;
    assert!(metrics.text().contains(line), "{}", metrics.text());
}
