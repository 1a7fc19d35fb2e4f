//! Questions to the members of an etcd: to one of them, and to the next where it fails.

use crate::address::Address;
use crate::failure::{Cause, Failure, Verdict, judge};
use crate::link;
use crate::token::{Token, Tokens};
use futures::Stream;
use prost::Message;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

/// The longest answer that is taken.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// How long to wait when every member has been asked in vain.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// What can be asked, and how long that may take.
#[derive(Debug)]
pub(crate) struct Method {
    path: &'static str,
    /// How long one member may take.
    attempt: Duration,
    /// How long to go on to other members.
    patience: Duration,
    /// Whether it does no harm to ask again when nobody knows what became of the question.
    repeatable: bool,
}

pub(crate) const GET: Method = Method {
    path: "/etcdserverpb.KV/Range",
    attempt: Duration::from_secs(2),
    patience: Duration::from_secs(5),
    repeatable: true,
};

pub(crate) const RANGE: Method = Method {
    path: "/etcdserverpb.KV/Range",
    attempt: Duration::from_secs(15),
    patience: Duration::from_secs(20),
    repeatable: true,
};

pub(crate) const TXN: Method = Method {
    path: "/etcdserverpb.KV/Txn",
    // etcd itself gives up after seven seconds.
    attempt: Duration::from_secs(8),
    patience: Duration::from_secs(5),
    repeatable: false,
};

pub(crate) const COMPACT: Method = Method {
    path: "/etcdserverpb.KV/Compact",
    attempt: Duration::from_secs(30),
    patience: Duration::from_secs(5),
    repeatable: false,
};

pub(crate) const SIZE: Method = Method {
    path: STATUS,
    attempt: Duration::from_secs(2),
    patience: Duration::from_secs(5),
    repeatable: true,
};

const STATUS: &str = "/etcdserverpb.Maintenance/Status";
const AUTHENTICATE: &str = "/etcdserverpb.Auth/Authenticate";
const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// One place that answers.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its URL.
    pub name: String,
    channel: Channel,
}

/// The members of one etcd.
#[derive(Debug)]
pub(crate) struct Client {
    members: Vec<Member>,
    /// Which of them is asked.
    current: AtomicUsize,
    tokens: Tokens,
    /// Whether the last question was in vain, so that this is said once.
    silent: AtomicBool,
}

impl Client {
    /// A client that connects when it is first asked something.
    ///
    /// # Errors
    /// Where a file that the address names cannot be used.
    pub(crate) fn new(address: &Address) -> io::Result<Self> {
        link::tls_config(&address.tls)?;
        let members = address.endpoints.iter().map(|endpoint| {
            let channel = link::channel(endpoint, &address.tls)?;
            Ok(Member { name: endpoint.to_string(), channel })
        });
        let members: Vec<Member> = members.collect::<io::Result<_>>()?;
        // Servers that name the members in the same order do not all ask the first.
        let start = usize::try_from(RandomState::new().hash_one(0) >> 33).unwrap_or(0);
        Ok(Self {
            current: AtomicUsize::new(start % members.len()),
            members,
            tokens: Tokens::new(address.login.clone()),
            silent: AtomicBool::new(false),
        })
    }

    /// Asks until a member answers, as long as that does no harm and patience lasts.
    pub(crate) async fn call<Q, A>(&self, method: &Method, question: Q) -> Result<A, Failure>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let deadline = Instant::now() + method.patience;
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let member = self.member();
            let token = self.token(member).await?;
            let asked = self.unary(member, method.path, token.as_ref(), question.clone());
            let status = match timeout(method.attempt, asked).await {
                Ok(Ok(answer)) => {
                    self.answered();
                    return Ok(answer);
                }
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("no answer in {:?}", method.attempt)),
            };
            let cause = Cause::of(&member.name, &status);
            match judge(&status) {
                Verdict::Compacted => return Err(Failure::Compacted),
                Verdict::Future => return Err(Failure::Future),
                Verdict::TooLarge => return Err(Failure::TooLarge),
                Verdict::TooLong => return Err(Failure::TooLong),
                Verdict::Login if token.is_some() && !renewed => {
                    renewed = true;
                    self.tokens.refuse(token.as_ref());
                }
                Verdict::Login | Verdict::Internal => return Err(Failure::Internal(cause)),
                Verdict::Elsewhere { sent } => {
                    self.leave(member);
                    if (sent && !method.repeatable) || Instant::now() >= deadline {
                        return Err(self.unanswered(cause));
                    }
                    tries += 1;
                    if tries % self.members.len() == 0 {
                        sleep(ROUND_PAUSE).await;
                    }
                }
            }
        }
    }

    /// The member that is asked now.
    pub(crate) fn member(&self) -> &Member {
        &self.members[self.current.load(Ordering::Relaxed) % self.members.len()]
    }

    /// Asks another member from now on, unless somebody has decided so already.
    pub(crate) fn leave(&self, member: &Member) {
        let current = self.current.load(Ordering::Relaxed);
        if std::ptr::eq(&raw const self.members[current], member) {
            let next = (current + 1) % self.members.len();
            let _ =
                self.current.compare_exchange(current, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The version of a member.
    pub(crate) async fn version(&self, member: &Member) -> Result<String, Status> {
        let token =
            self.token(member).await.map_err(|error| Status::unknown(format!("{error:?}")))?;
        let question = crate::proto::StatusRequest {};
        let status: crate::proto::StatusResponse =
            self.unary(member, STATUS, token.as_ref(), question).await?;
        Ok(status.version)
    }

    /// Opens the stream of a watch at a member.
    pub(crate) async fn watch(
        &self,
        member: &Member,
        questions: impl Stream<Item = crate::proto::WatchRequest> + Send + 'static,
    ) -> Result<Streaming<crate::proto::WatchResponse>, Status> {
        let token =
            self.token(member).await.map_err(|error| Status::unknown(format!("{error:?}")))?;
        let mut grpc = self.grpc(member).await?;
        let request = request(questions, token.as_ref());
        let path = PathAndQuery::from_static(WATCH);
        Ok(grpc.streaming(request, path, ProstCodec::default()).await?.into_inner())
    }

    /// Forgets the token, so that the next question goes with a new one.
    pub(crate) fn forget_token(&self) {
        self.tokens.forget();
    }

    async fn token(&self, member: &Member) -> Result<Option<Token>, Failure> {
        let authenticate = |question| async move {
            let asked = self.unary(member, AUTHENTICATE, None, question);
            match timeout(GET.attempt, asked).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(status)) => {
                    let cause = Cause::of(&member.name, &status);
                    Err(match judge(&status) {
                        Verdict::Elsewhere { .. } => {
                            self.leave(member);
                            self.unanswered(cause)
                        }
                        _ => Failure::Internal(cause),
                    })
                }
                Err(_) => {
                    self.leave(member);
                    let why = format!("{}: no answer in {:?}", member.name, GET.attempt);
                    Err(self.unanswered(Cause::new(why)))
                }
            }
        };
        self.tokens.get(authenticate).await
    }

    async fn unary<Q, A>(
        &self,
        member: &Member,
        path: &'static str,
        token: Option<&Token>,
        question: Q,
    ) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.grpc(member).await?;
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(request(question, token), path, ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }

    async fn grpc(&self, member: &Member) -> Result<Grpc<Channel>, Status> {
        let mut grpc =
            Grpc::new(member.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        Ok(grpc)
    }

    fn answered(&self) {
        if self.silent.load(Ordering::Relaxed) && self.silent.swap(false, Ordering::Relaxed) {
            tracing::info!(member = self.member().name, "etcd answers again");
        }
    }

    fn unanswered(&self, cause: Cause) -> Failure {
        if !self.silent.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = %cause, "etcd does not answer; it is asked again");
        }
        Failure::Unavailable(cause)
    }
}

fn request<Q>(question: Q, token: Option<&Token>) -> Request<Q> {
    let mut request = Request::new(question);
    // A member that has lost the others says so at once, and not after seconds.
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    if let Some(token) = token {
        request.metadata_mut().insert("token", token.clone());
    }
    request
}
