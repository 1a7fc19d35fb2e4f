//! The client of kube-rs, with limits on what it waits for and reads.

use super::{
    ANSWER_BYTES_MAX, ASK_TIME, ASK_TIME_MAX, Failure, TRIES_MAX, WAIT_FACTOR, WAIT_JITTER,
    WAIT_MIN,
};
use crate::metrics::Histogram;
use crate::{names, tls};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bounds of how long answers take, in seconds.
const ANSWER_TIMES: &[f64] = &[0.25, 0.5, 0.7, 1.0, 1.5, 3.0, 5.0, 10.0];

/// Another server.
pub(crate) struct Upstream {
    client: Client,
    /// How often it answered with each code; `<error>` stands for no answer.
    answered: Mutex<BTreeMap<String, Arc<Histogram>>>,
}

impl Upstream {
    /// The server of a kubeconfig's current context, as its user.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) async fn from_kubeconfig(path: &Path) -> io::Result<Self> {
        let about = |error: &dyn Error| {
            let message = format!("cannot use the kubeconfig {}: {}", path.display(), chain(error));
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let file = Kubeconfig::read_from(path).map_err(|error| about(&error))?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        Self::new(config.map_err(|error| about(&error))?).map_err(|error| about(&error))
    }

    /// The server of a kubeconfig's current context, and the path there to which a webhook posts: that
    /// of the server's URL, to the letter.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) async fn of_webhook(path: &Path) -> io::Result<(Self, String)> {
        let about = |error: &dyn fmt::Display| {
            let message = format!("cannot use the kubeconfig {}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let file = Kubeconfig::read_from(path).map_err(|error| about(&chain(&error)))?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let mut config = config.map_err(|error| about(&chain(&error)))?;
        let at = config.cluster_url.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let origin = match (config.cluster_url.scheme_str(), config.cluster_url.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => return Err(about(&"the server has no URL")),
        };
        config.cluster_url = origin.parse().map_err(|error| about(&error))?;
        let server = Self::new(config).map_err(|error| about(&chain(&error)))?;
        Ok((server, at))
    }

    /// The server of the cluster in which this process runs as a pod, as its service account.
    ///
    /// # Errors
    /// With one line, also where this is no pod.
    pub(crate) fn in_cluster() -> io::Result<Self> {
        let config = Config::incluster_env().map_err(|error| {
            let outside = std::env::var_os("KUBERNETES_SERVICE_HOST").is_none()
                || std::env::var_os("KUBERNETES_SERVICE_PORT").is_none();
            let message = match outside {
                true => "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and \
                         KUBERNETES_SERVICE_PORT must be defined"
                    .to_owned(),
                false => format!("unable to load in-cluster configuration: {}", chain(&error)),
            };
            io::Error::new(io::ErrorKind::NotFound, message)
        })?;
        Self::new(config).map_err(|error| io::Error::other(chain(&error)))
    }

    /// The server at `https://HOST[:PORT]`, known by authorities in PEM form or else by those of the
    /// system.
    ///
    /// # Errors
    /// With what is wrong with either.
    pub(crate) fn of_origin(origin: &str, authorities: Option<&str>) -> Result<Self, String> {
        let mut config =
            Config::new(origin.parse().map_err(|_| format!("invalid URL {origin:?}"))?);
        if let Some(text) = authorities {
            let all = tls::pem::parse_certificates(text.as_bytes())?;
            config.root_cert = Some(all.iter().map(|it| it.to_vec()).collect());
        }
        Self::new(config).map_err(|error| chain(&error))
    }

    fn new(mut config: Config) -> Result<Self, kube::Error> {
        // Trying again is done here, where all tries together have a limit.
        config.default_retry = false;
        config.connect_timeout = Some(ASK_TIME);
        let client = Client::try_from(config)?;
        Ok(Self { client, answered: Mutex::default() })
    }

    /// Reads a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Failure> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Sends an object, and returns what was made of it; tries again where that is asked for.
    pub(crate) async fn create(
        &self,
        path: &str,
        object: &serde_json::Value,
    ) -> Result<Bytes, Failure> {
        let body = Bytes::from(object.to_string());
        let tries = async {
            let mut wait = WAIT_MIN;
            let mut tries = 1;
            loop {
                match self.ask(Method::POST, path, body.clone()).await {
                    Err(failure) if failure.transient && tries < TRIES_MAX => {
                        tokio::time::sleep(wait.mul_f64(1.0 + WAIT_JITTER * names::fraction()))
                            .await;
                        wait = wait.mul_f64(WAIT_FACTOR);
                        tries += 1;
                    }
                    done => return done,
                }
            }
        };
        within(ASK_TIME_MAX, tries).await
    }

    /// Posts a document, once.
    pub(crate) async fn post(&self, path: &str, document: Bytes) -> Result<Bytes, Failure> {
        self.ask(Method::POST, path, document).await
    }

    /// Follows a watch.
    pub(crate) async fn follow(&self, path: &str) -> Result<Follow, Failure> {
        let response = within(ASK_TIME, self.send(Method::GET, path, Bytes::new())).await?;
        let body = response.into_body();
        Ok(Follow { body, text: Vec::new() })
    }

    /// How often it answered with each code, and after how long.
    pub(crate) fn answered(&self) -> Vec<(String, Arc<Histogram>)> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().map(|(code, times)| (code.clone(), Arc::clone(times))).collect()
    }

    fn count(&self, code: Option<u16>, time: Duration) {
        let code = code.map_or_else(|| "<error>".to_owned(), |code| code.to_string());
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let times = answered.entry(code).or_insert_with(|| Arc::new(Histogram::new(ANSWER_TIMES)));
        times.add_time(time);
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        within(ASK_TIME, async {
            let response = self.send(method, path, body).await?;
            read(response.into_body()).await
        })
        .await
    }

    /// Sends a request; an answer that is no success is a failure.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<http::Response<Body>, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(|error| Failure::lost(error.to_string()))?;
        let begun = Instant::now();
        let sent = self.client.send(request).await;
        let code = sent.as_ref().map(|response| response.status().as_u16()).ok();
        self.count(code, begun.elapsed());
        let response = sent.map_err(|error| Failure {
            transient: was_cut(&error),
            ..Failure::lost(chain(&error))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let told_to_wait = response.headers().contains_key(RETRY_AFTER);
        let body = read(response.into_body()).await?;
        Err(Failure::of_answer(code, told_to_wait, &body))
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upstream")
    }
}

/// The events of a watch.
#[derive(Debug)]
pub(crate) struct Follow {
    body: Body,
    text: Vec<u8>,
}

impl Follow {
    /// The next event, as its JSON; nothing where the watch has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.text.drain(..=end).collect()));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| Failure::lost(error.to_string()))?;
            self.text.extend_from_slice(&frame.into_data().unwrap_or_default());
            if self.text.len() > ANSWER_BYTES_MAX {
                return Err(Failure::lost("an event is too long"));
            }
        }
    }
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    let limited = Limited::new(body, ANSWER_BYTES_MAX);
    let collected = limited.collect().await.map_err(|error| Failure::lost(error.to_string()))?;
    Ok(collected.to_bytes())
}

async fn within<T>(
    time: Duration,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(time, asking).await {
        Ok(done) => done,
        Err(_) => Err(Failure::lost(format!("no answer within {} s", time.as_secs()))),
    }
}

/// An error with what it came from, in one line; what was said already is not said again.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a connection that had been there was lost; one that cannot be made is another matter.
fn was_cut(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let is_cut = error.downcast_ref::<io::Error>().is_some_and(|error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        });
        let is_incomplete = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed());
        if is_cut || is_incomplete {
            return true;
        }
        next = error.source();
    }
    false
}
