//! A server that is not of this library: an issuer of tokens, or somebody who wants to hear of what
//! happens. It speaks HTTP/1.1 over TLS and answers in JSON.

use crate::harness::Issuer;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use serde_json::Value;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// Says what a path is answered, and by which code.
type Answers = dyn Fn(&str, Bytes) -> (u16, Value) + Send + Sync;

/// A server that is there until this is dropped.
pub(crate) struct Outside {
    pub url: String,
    pub authority_pem: String,
    task: JoinHandle<()>,
}

impl Outside {
    /// Starts one; the answers may name its URL.
    pub(crate) async fn start<A>(answers: impl FnOnce(&str) -> A) -> Self
    where
        A: Fn(&str, Bytes) -> (u16, Value) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("https://{address}");
        let issuer = Issuer::new("outside");
        let task =
            tokio::spawn(serve(listener, Some(tls(&issuer, address)), Arc::new(answers(&url))));
        Self { url, authority_pem: issuer.pem(), task }
    }

    /// Starts one without TLS.
    pub(crate) async fn start_plain<A>(answers: A) -> Self
    where
        A: Fn(&str, Bytes) -> (u16, Value) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(serve(listener, None, Arc::new(answers)));
        Self { url, authority_pem: String::new(), task }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn tls(issuer: &Issuer, address: SocketAddr) -> TlsAcceptor {
    let identity = issuer.issue_with("outside", "", |params| {
        params.subject_alt_names = vec![SanType::IpAddress(address.ip())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let (certificate, key) = identity.parts();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answers: Arc<Answers>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, answers) = (tls.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answers = Arc::clone(&answers);
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await;
                    let body = body.map(Collected::to_bytes).unwrap_or_default();
                    let (code, answer) = answers(&path, body);
                    let response = Response::builder().status(code);
                    let body = Full::new(Bytes::from(answer.to_string()));
                    Ok::<_, Infallible>(response.body(body).unwrap())
                }
            });
            // A client that goes away is nobody's trouble.
            let http = http1::Builder::new();
            let _ = match tls {
                None => http.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    http.serve_connection(TokioIo::new(stream), service).await
                }
            };
        });
    }
}
