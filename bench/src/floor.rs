//! The floor: hyper and rustls with nothing above them, sending the bytes that a server answered with.
//!
//! It runs as a process of its own, so that its CPU time can be told from the load generator's.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::failure::Failure;
use crate::options::Settings;
use crate::report::RunReport;
use crate::run;
use crate::sender::Answer;
use crate::server::Server;
use crate::subject::{Folder, Recipe, Subject};
use crate::trust;

/// Streams of one connection at a time.
const STREAMS_MAX: u32 = 1_000;

/// Options of `floor`.
#[derive(Debug, Args)]
pub(crate) struct FloorOptions {
    /// The port of 127.0.0.1 to listen on
    #[arg(long)]
    pub(crate) port: u16,
    /// A file with the body of every answer
    #[arg(long, value_name = "FILE")]
    pub(crate) body: PathBuf,
    /// Its media type
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    pub(crate) media_type: HeaderValue,
    /// How it is compressed
    #[arg(long, value_name = "CODING")]
    pub(crate) encoding: Option<HeaderValue>,
}

/// What every request gets.
struct Same {
    body: Bytes,
    media_type: HeaderValue,
    encoding: Option<HeaderValue>,
}

/// Answers every request with the same bytes, for ever.
///
/// # Errors
/// When the file cannot be read, or the port is taken.
pub(crate) async fn serve(options: FloorOptions) -> Result<(), Failure> {
    let FloorOptions { port, body, media_type, encoding } = options;
    let body = fs::read(&body)
        .map_err(|error| Failure::caused(format!("read {}", body.display()), &error))?;
    let same = Arc::new(Same { body: body.into(), media_type, encoding });
    let acceptor = TlsAcceptor::from(Arc::new(trust::own_certificate()?));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Failure::caused(format!("listen on {address}"), &error))?;
    loop {
        // One connection that could not be taken is the client's to miss.
        let Ok((tcp, _)) = listener.accept().await else { continue };
        tokio::spawn(connection(tcp, acceptor.clone(), Arc::clone(&same)));
    }
}

async fn connection(tcp: TcpStream, acceptor: TlsAcceptor, same: Arc<Same>) {
    tcp.set_nodelay(true).ok();
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    let service = service_fn(move |_: Request<Incoming>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(same.answer()))
    });
    // How a connection ended is told by the requests that were on it.
    http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(STREAMS_MAX)
        .serve_connection(TokioIo::new(tls), service)
        .await
        .ok();
}

impl Same {
    fn answer(&self) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::new(self.body.clone()));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        if let Some(encoding) = &self.encoding {
            headers.insert(CONTENT_ENCODING, encoding.clone());
        }
        answer
    }
}

/// How the floor is started: this program, unless a test has another.
///
/// # Errors
/// When the program does not know where it is.
pub(crate) fn command() -> Result<String, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::caused("find this program", &error))?;
    Ok(format!("exec '{}' floor --port {{port}}", program.display()))
}

/// Measures the reads of a run again, each answered by the floor with the bytes that the server of `recipe` answers with.
///
/// # Errors
/// When the server or the floor does not start, or the server cannot be filled.
pub(crate) async fn measure(
    recipe: &Recipe,
    floor: &str,
    settings: &Settings,
) -> Result<RunReport, Failure> {
    let token = settings.bearer()?;
    let subject = Subject::start(recipe, token.as_deref()).await?;
    let server = Server::from(&subject);
    let answers = run::answers(&server, settings).await?;
    drop(subject);
    let folder = Folder::new()?;
    let mut report = RunReport::default();
    for (scenario, answer) in answers {
        eprintln!("pintle-bench: floor of {}", scenario.name);
        let recipe = Recipe {
            name: "floor".to_owned(),
            command: format!("{floor} {}", arguments(&answer, folder.path(), scenario.name)?),
            url: "https://127.0.0.1:{port}".to_owned(),
            ..Recipe::default()
        };
        let subject = Subject::start(&recipe, None).await?;
        let server = Server::from(&subject);
        report.scenarios.push(run::measure_one(&server, settings, scenario, &answer).await?);
        report.pid = Some(subject.process.pid);
    }
    Ok(report)
}

/// Writes the body of an answer to a file: the arguments with which the floor sends it.
fn arguments(answer: &Answer, folder: &Path, name: &str) -> Result<String, Failure> {
    let path = folder.join(name);
    fs::write(&path, &answer.body)
        .map_err(|error| Failure::caused(format!("write {}", path.display()), &error))?;
    let mut text = format!("--body '{}' --media-type '{}'", path.display(), answer.media_type);
    if !answer.encoding.is_empty() {
        text.push_str(&format!(" --encoding '{}'", answer.encoding));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::*;
    use crate::client::Target;

    #[tokio::test(flavor = "multi_thread")]
    async fn sends_the_bytes() {
        let folder = Folder::new().unwrap();
        let body = folder.path().join("body");
        fs::write(&body, "same").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = FloorOptions {
            port,
            body,
            media_type: HeaderValue::from_static("text/plain"),
            encoding: Some(HeaderValue::from_static("gzip")),
        };
        let serving = tokio::spawn(serve(options));
        let target = Target::new(&format!("https://127.0.0.1:{port}"), None, false).unwrap();
        let template = target.template(Method::GET, "/any?thing", &[]).unwrap();
        let mut sender = loop {
            match target.connect().await {
                Ok(sender) => break sender,
                Err(failure) => assert!(!serving.is_finished(), "{failure}"),
            }
        };
        let answer = sender.call(&template).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"same".as_slice()));
        assert_eq!((answer.media_type.as_str(), answer.encoding.as_str()), ("text/plain", "gzip"));
        serving.abort();
    }

    #[tokio::test]
    async fn what_is_not_there() {
        let options = FloorOptions {
            port: 0,
            body: "/nowhere/body".into(),
            media_type: HeaderValue::from_static("text/plain"),
            encoding: None,
        };
        let failure = serve(options).await.unwrap_err().to_string();
        assert!(failure.starts_with("cannot read /nowhere/body"), "{failure}");
    }
}
