//! The server: what an author composes, and what then runs.

use crate::admission::{Admission, Namespaces, Plugins};
use crate::at_rest::AtRest;
use crate::authn::{self, Authenticator};
use crate::authz::{self, AccessReviews, Authorizer, Bootstrap};
use crate::cache::{Budget, Cache};
use crate::catalog::{self, Catalog};
use crate::clock::Clock;
use crate::cors::Cors;
use crate::delegation::Delegation;
use crate::discovery::Discovery;
use crate::flow::Flow;
use crate::health::Health;
use crate::impersonate::Impersonation;
use crate::kinds::Registration;
use crate::kubeconfig::{AdminToken, Kubeconfig};
use crate::metrics::Metrics;
use crate::openapi::OpenApi;
use crate::options::{self, Options};
use crate::pipeline;
use crate::registry::{Backing, Registry, Resource};
use crate::reload::Reloads;
use crate::running::Running;
use crate::serve::{self, Limits, Shutdown};
use crate::shared::Shared;
use crate::sizes::Sizes;
use crate::storages::{Opened, Storages};
use crate::store::Place;
use crate::tls;
use crate::told::Told;
use crate::verbs::Deletion;
use crate::websocket::WebSockets;
use http::HeaderValue;
use pintle_storage::{Backend, Storage};
use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An API server: kinds, admission plugins, and the command line that goes with them.
///
/// See [`Kind`](crate::Kind) for an example.
#[derive(Debug)]
#[must_use = "a server serves once it runs"]
pub struct Server {
    name: String,
    about: String,
    kinds: Vec<Registration>,
    plugins: Vec<Arc<dyn Admission>>,
    storages: Storages,
}

impl Server {
    /// A server without kinds; the name is that of the program.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            about: "A Kubernetes-style API server".to_owned(),
            kinds: Vec::new(),
            plugins: Vec::new(),
            storages: Storages::default(),
        }
    }

    /// Says what the program is, for `--help`.
    pub fn about(mut self, about: &str) -> Self {
        about.clone_into(&mut self.about);
        self
    }

    /// Serves a kind.
    pub fn kind(mut self, kind: impl Into<Registration>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Adds an admission plugin behind those added before; they run with `--enable-admission`.
    pub fn admit(mut self, plugin: impl Admission) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Keeps objects in a storage of the author's choice, whatever `--storage` says.
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storages.fixed = Some(Arc::new(storage));
        self
    }

    /// Offers a sort of storage, whose addresses `--storage` then takes.
    ///
    /// The first one that needs no address is used where the command line names none; memory is
    /// always there.
    pub fn backend(mut self, backend: impl Backend) -> Self {
        self.storages.offered.push(Box::new(backend));
        self
    }

    /// Runs as a program: reads the command line, serves until a signal ends it, and returns what
    /// the process should exit with. Everything that goes wrong at the start is one line on
    /// standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let options: Options = match options::parse(&self.name, &self.about) {
            Ok(options) => options,
            Err(code) => return code,
        };
        let name = self.name.clone();
        match self.run_with(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody is left to be told when standard error is gone.
                let _ = writeln!(io::stderr(), "{name}: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn run_with(self, options: &Options) -> io::Result<()> {
        options.start_logging()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let program = self.name.clone();
            let running = self.start(options).await?;
            serve::signals(running.trigger.clone())?;
            #[cfg(target_os = "linux")]
            if let Err(error) = serve::ready() {
                tracing::warn!(%error, "NOTIFY_SOCKET cannot be told that the server is ready");
            }
            let mut out = io::stdout();
            let _ = writeln!(out, "{program} serves on {}", running.url());
            if let Some(kubeconfig) = &running.kubeconfig {
                let kubeconfig = kubeconfig.display();
                let _ = writeln!(out, "try: KUBECONFIG={kubeconfig} kubectl api-resources");
            }
            let _ = out.flush();
            running.finished().await
        })
    }

    /// Starts to serve, and returns when requests are taken: for programs that do more than serve,
    /// and for tests.
    ///
    /// # Errors
    /// Where the address cannot be listened on, a file cannot be read or written, or the schema of a
    /// kind has a rule that cannot be read.
    pub async fn start(self, options: &Options) -> io::Result<Running> {
        let problems: Vec<&str> = self.kinds.iter().flat_map(Registration::problems).collect();
        if !problems.is_empty() {
            return Err(io::Error::other(problems.join("; ")));
        }
        options.features.check(options.stored.media_type)?;
        let clock = Clock::system();
        let places = options.places(&self.name)?;
        let storages = self.storages.open_all(options, &places.data_folder).await?;
        let listener = serve::bind(options.address(), options.serving.permit_port_sharing)?;
        let address = listener.local_addr()?;
        let delegation = Delegation::of(options).await?;
        let tls = tls::load(&options.certificates(&places), &options.tls(), &clock)?;
        let mut reloads = Reloads::default();
        let certificates = tls.certificates;
        reloads
            .watch("the serving certificate", certificates.paths(), move || certificates.reload());
        // Where a cluster says who is who, there is no administrator of ours to be kept.
        let delegated = delegation.authentication.is_some();
        let token = match delegated {
            true => AdminToken::make()?,
            false => AdminToken::load_or_create(&places.data_folder)?,
        };
        let kubeconfig = match delegated {
            true => options.kubeconfig_out.clone(),
            false => Some(places.kubeconfig),
        };
        if let Some(path) = &kubeconfig {
            let server = address;
            let (program, authority_pem) = (self.name.as_str(), tls.authority_pem.as_str());
            Kubeconfig { program, server, authority_pem, token: &token }.write(path)?;
        }
        let cluster = cluster(options, &delegation);
        let namespaces = delegation.namespaces.clone().map(Namespaces::new);
        let (authenticator, following) =
            authn::set_up(options, &token, delegation, &mut reloads).await?;
        let at_rest = AtRest::of(&options.stored, &clock, &mut reloads).await?;
        let (trigger, shutdown) = Shutdown::new(options.lifecycle.manner());
        let told = Told::of(options, &self.name, &clock).await?;
        let started = Started {
            storages,
            at_rest,
            authenticator,
            cluster,
            namespaces,
            told: told.clone(),
            cors: cors(options)?,
            clock,
            shutdown,
            address,
        };
        let (shared, tasks) = self.assemble(options, started);
        let feeds = tasks.caches.into_iter().map(|cache| tokio::spawn(cache.feed()));
        let bootstrap = tasks.bootstrap.map(|bootstrap| tokio::spawn(bootstrap.run()));
        let others = [tokio::spawn(reloads.run()), tokio::spawn(Arc::clone(&shared.sizes).run())];
        let tasks = feeds.chain(bootstrap).chain(others).chain(following).collect();
        let serving = spawn(listener, tls.config, options.limits(), Arc::new(shared));
        Ok(Running {
            address,
            trigger,
            kubeconfig,
            authority_pem: tls.authority_pem,
            token,
            serving,
            tasks,
            told,
        })
    }

    /// Puts together what requests share.
    fn assemble(self, options: &Options, started: Started) -> (Shared, Tasks) {
        let storages = started.storages;
        let root = options.etcd.root();
        let budget = Budget::new(options.stored.watch_caches_history_bytes);
        let place = Place::of(options, &storages, &root, started.at_rest.as_deref(), &budget);
        let mut resources: Vec<Arc<Resource>> =
            self.kinds.into_iter().map(|kind| kind.into_resource(place)).map(Arc::new).collect();
        let modes = options.authorization_modes(started.cluster.is_some());
        let open = options.authorization.always_allow_paths.clone();
        let authorizers = [Authorizer::Masters, Authorizer::Paths(open)];
        let authorizers = authorizers.into_iter().chain(started.cluster).collect();
        let access = authz::access(authorizers, modes, place, &resources, &started.clock);
        resources.extend(without_own(access.resources, &resources));
        let mut registry = Registry::default();
        resources.iter().for_each(|resource| registry.add(resource));
        let caches = caches(&resources);
        let catalog = Arc::new(catalog(self.name, options, &resources));
        let (shutdown, lifecycle) = (started.shutdown, &options.lifecycle);
        let sizes = Sizes::new(storages.all(), options.etcd.db_metric_poll_interval);
        let health = Health {
            storage: storages.main,
            overrides: storages.separate,
            caches: caches.clone(),
            shutdown: shutdown.clone(),
            healthcheck_time: options.etcd.healthcheck_timeout,
            readycheck_time: options.etcd.readycheck_timeout,
            at_rest: started.at_rest.clone(),
            rbac: access.rbac,
            livez_from: Instant::now() + lifecycle.livez_grace_period,
        };
        let discovery = Discovery::new(Arc::clone(&catalog));
        let openapi = OpenApi::new(catalog);
        let paths = paths(&health, &discovery, &openapi);
        let namespaces = started.namespaces.map(|plugin| Arc::new(plugin) as Arc<dyn Admission>);
        let mut plugins: Vec<_> = namespaces.into_iter().collect();
        plugins.extend(self.plugins.into_iter().filter(|_| options.enable_admission));
        plugins.extend(access.plugin);
        let shared = Shared {
            registry,
            discovery,
            openapi,
            health,
            authenticator: started.authenticator,
            authorizers: access.authorizers,
            plugins: Plugins::new(plugins),
            metrics: Metrics::new(started.clock.now()),
            clock: started.clock,
            shutdown,
            audit: started.told.audit,
            spans: started.told.spans,
            cors: started.cors,
            turns_away: lifecycle.shutdown_send_retry_after,
            flow: Flow::of(lifecycle),
            impersonation: Impersonation::default(),
            request_time: lifecycle.request_timeout,
            watch_time: Duration::from_secs(lifecycle.min_request_timeout.into()),
            strict_transport: strict_transport(&lifecycle.strict_transport_security_directives),
            websockets: WebSockets::default(),
            sizes,
            deletion: Deletion::of(&options.stored),
            cbor: options.features.cbor(),
            profiling: options.features.profiling,
            paths,
            address: options.serving.shown_as(started.address),
        };
        (shared, Tasks { caches, bootstrap: access.bootstrap })
    }
}

fn catalog(name: String, options: &Options, resources: &[Arc<Resource>]) -> Catalog {
    Catalog {
        title: name,
        version: "0.1".to_owned(),
        authenticated: !options.insecure_allow_all,
        cbor: options.features.cbor(),
        groups: catalog::groups(resources),
    }
}

fn caches(resources: &[Arc<Resource>]) -> Vec<Arc<Cache>> {
    let stored = resources.iter().filter_map(|resource| match &resource.backing {
        Backing::Store(store) => Some(Arc::clone(store.cache())),
        Backing::Rest(_) => None,
    });
    stored.collect()
}

/// The paths that are not resources, sorted.
fn paths(health: &Health, discovery: &Discovery, openapi: &OpenApi) -> Vec<String> {
    let mut paths = health.paths();
    let others = ["/metrics", "/metrics/slis", "/statusz", "/version"];
    paths.extend(others.map(str::to_owned));
    paths.extend(discovery.paths().map(str::to_owned));
    paths.extend(openapi.paths().map(str::to_owned));
    paths.sort();
    paths
}

fn strict_transport(directives: &[String]) -> Option<HeaderValue> {
    let value = Some(directives.join(";")).filter(|value| !value.is_empty())?;
    HeaderValue::from_str(&value).ok()
}

/// The origins whose pages may use the server.
fn cors(options: &Options) -> io::Result<Option<Cors>> {
    Cors::of(&options.lifecycle.cors_allowed_origins)
        .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// The cluster that is asked whether somebody may do something.
fn cluster(options: &Options, delegation: &Delegation) -> Option<Authorizer> {
    let cluster = delegation.authorization.as_ref()?;
    let flags = &options.delegation;
    Some(Authorizer::Cluster(AccessReviews::new(
        Arc::clone(cluster),
        flags.authorization_webhook_cache_authorized_ttl,
        flags.authorization_webhook_cache_unauthorized_ttl,
    )))
}

/// What is served beside the author's kinds: a question that one of these answers is theirs.
fn without_own(added: Vec<Arc<Resource>>, own: &[Arc<Resource>]) -> Vec<Arc<Resource>> {
    let is_own = |it: &Arc<Resource>| {
        let same = |own: &Arc<Resource>| {
            own.kind.group == it.kind.group && own.kind.plural == it.kind.plural
        };
        matches!(it.backing, Backing::Rest(_)) && own.iter().any(same)
    };
    added.into_iter().filter(|it| !is_own(it)).collect()
}

struct Started {
    storages: Opened,
    at_rest: Option<Arc<AtRest>>,
    authenticator: Authenticator,
    cluster: Option<Authorizer>,
    namespaces: Option<Namespaces>,
    told: Told,
    cors: Option<Cors>,
    clock: Clock,
    shutdown: Shutdown,
    address: SocketAddr,
}

/// What runs beside the requests until the server ends.
struct Tasks {
    caches: Vec<Arc<Cache>>,
    bootstrap: Option<Bootstrap>,
}

fn spawn(
    listener: TcpListener,
    tls: Arc<tokio_rustls::rustls::ServerConfig>,
    mut limits: Limits,
    shared: Arc<Shared>,
) -> JoinHandle<io::Result<()>> {
    let shutdown = shared.shutdown.clone();
    limits.failed_handshakes = Arc::clone(&shared.metrics.handshakes);
    let handler = Arc::new(move |request, connection| {
        // On the heap: hyper keeps its part of a stream for as long as a watch lasts.
        Box::pin(pipeline::handle(Arc::clone(&shared), request, connection))
    });
    tokio::spawn(serve::serve(listener, tls, limits, handler, shutdown))
}
