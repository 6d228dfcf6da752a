//! The root: every part of a node, built in floor order.

use crate::args::Args;
use crate::config::{Config, NodeConfig};
use crate::data_dir::DataDir;
use crate::shutdown::{self, StopSignals};
use crate::{secrets, tasks};
use aiex_agent::{Agent, AnalysisEngine, Clock, Dependencies, SystemClock};
use aiex_api::{Life, Readiness, Rooms, TokenDirectory};
use aiex_context::WorkspaceStore;
use aiex_coordinator::{Coordinator, Handle};
use aiex_journal::{SessionMachine, SessionStore};
use aiex_llm::Gateway;
use aiex_security::{MasterKey, NewToken, Role};
use anyhow::Context as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running node.
pub(crate) struct App {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) coordinator: Coordinator,
    pub(crate) client_port: JoinHandle<Result<(), aiex_api::Error>>,
    pub(crate) operations_port: JoinHandle<Result<(), aiex_api::Error>>,
    pub(crate) stop_clients: CancellationToken,
    pub(crate) stop_operations: CancellationToken,
    pub(crate) telemetry: aiex_telemetry::Guard,
    pub(crate) shutdown_grace_ms: u64,
}

/// The ports, bound before any work begins: a taken port is told at once.
struct Ports {
    clients: TcpListener,
    operations: TcpListener,
}

impl App {
    /// Builds all parts in floor order and serves.
    pub(crate) async fn build(config: Config, args: &Args) -> anyhow::Result<Self> {
        let started = Instant::now();
        let telemetry = install_telemetry(&config)?;
        let ports = Ports::bind(&config.node).await?;
        let layout = DataDir::at(&config.node.data_dir);
        let (handle, coordinator) = start_coordinator(&config.node, &layout).await?;
        let master_key = load_security(&layout.master_key).await?;
        let workspaces = open_context(&layout).await?;
        let gateway = build_gateway(config.llm, &workspaces)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(SessionStore::new(handle.clone(), Arc::new(master_key)));
        let (ours, known, now) = (gateway.clone(), workspaces.clone(), clock.clone());
        let dependencies = Dependencies::new(config.agent, store, ours, known, now)?;
        let agent = Agent::new(dependencies.naming_shards(shard_of(&handle)));
        let tokens = Arc::new(TokenDirectory::new(handle.clone(), clock));
        make_first_token(&tokens, args).await?;
        let rooms = Arc::new(Rooms {
            agent,
            gateway,
            workspaces,
            coordinator: handle,
            tokens,
            metrics: telemetry.metrics(),
            readiness: Readiness::default(),
            stopping: CancellationToken::new(),
            tracker: TaskTracker::new(),
            started,
            client_address: ports.clients.local_addr()?.to_string(),
        });
        Self::serve(rooms, coordinator, ports, telemetry, &config.node, args)
    }

    fn serve(
        rooms: Arc<Rooms>,
        coordinator: Coordinator,
        ports: Ports,
        telemetry: aiex_telemetry::Guard,
        config: &NodeConfig,
        args: &Args,
    ) -> anyhow::Result<Self> {
        let (stop_clients, stop_operations) = (CancellationToken::new(), CancellationToken::new());
        let addresses = ports.describe()?;
        let client_port =
            tasks::client_port(ports.clients, Arc::clone(&rooms), stop_clients.clone());
        let operations_port = tasks::operations_port(
            ports.operations,
            rooms.readiness.clone(),
            rooms.metrics.clone(),
            stop_operations.clone(),
        );
        rooms.readiness.set(Life::Ready);
        tracing::info!(client = %rooms.client_address, node = %rooms.coordinator.node_id(), "ready");
        if args.print_addresses {
            print_addresses(&addresses);
        }
        Ok(Self {
            rooms,
            coordinator,
            client_port,
            operations_port,
            stop_clients,
            stop_operations,
            telemetry,
            shutdown_grace_ms: config.shutdown_grace_ms,
        })
    }

    /// Serves until asked to stop, then stops in order.
    ///
    /// # Errors
    /// A port that died: the process ends at once, as by a crash, instead of looking alive.
    pub(crate) async fn run(mut self, mut signals: StopSignals) -> anyhow::Result<()> {
        let (port, died) = tokio::select! {
            () = signals.asked() => return shutdown::run(self, signals).await,
            died = &mut self.client_port => ("the client port", died),
            died = &mut self.operations_port => ("the operations port", died),
        };
        died.with_context(|| format!("{port} died"))??;
        anyhow::bail!("{port} stopped serving")
    }
}

impl Ports {
    async fn bind(config: &NodeConfig) -> anyhow::Result<Self> {
        let bind = async |key: &str, address: &str| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("{key} = {address} cannot be used"))
        };
        Ok(Self {
            clients: bind("node.client_address", &config.client_address).await?,
            operations: bind("node.operations_address", &config.operations_address).await?,
        })
    }

    fn describe(&self) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "client": self.clients.local_addr()?.to_string(),
            "operations": self.operations.local_addr()?.to_string(),
        }))
    }
}

fn install_telemetry(config: &Config) -> anyhow::Result<aiex_telemetry::Guard> {
    let process = aiex_telemetry::Process {
        node: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        redact: aiex_security::redact,
    };
    let guard =
        aiex_telemetry::install(&config.telemetry, &process).context("install telemetry")?;
    aiex_agent::describe_metrics();
    aiex_api::describe_metrics();
    Ok(guard)
}

fn shard_of(handle: &Handle) -> aiex_agent::ShardOf {
    let handle = handle.clone();
    Arc::new(move |session| u32::from(handle.shard_of(session.as_bytes()).0))
}

async fn start_coordinator(
    config: &NodeConfig,
    layout: &DataDir,
) -> anyhow::Result<(Handle, Coordinator)> {
    let mut settings = aiex_coordinator::Config::new(&layout.cluster);
    settings.planned_nodes = u32::from(config.planned_nodes);
    Ok(Coordinator::start(settings, Arc::new(SessionMachine)).await?)
}

async fn load_security(file: &Path) -> anyhow::Result<MasterKey> {
    let file = file.to_owned();
    let loaded =
        tokio::task::spawn_blocking(move || aiex_security::load_or_create_key_file(&file)).await?;
    loaded.context("load the master key")
}

async fn open_context(layout: &DataDir) -> anyhow::Result<Arc<WorkspaceStore>> {
    let config = aiex_context::Config {
        dir: layout.workspaces.clone(),
        ..aiex_context::Config::default()
    };
    let store = tokio::task::spawn_blocking(move || WorkspaceStore::open(config)).await?;
    Ok(Arc::new(store.context("open the workspaces")?))
}

fn build_gateway(
    config: aiex_llm::Config,
    workspaces: &Arc<WorkspaceStore>,
) -> anyhow::Result<Arc<Gateway>> {
    let engine = Arc::new(AnalysisEngine::new(Arc::clone(workspaces)));
    let gateway = Gateway::new(config, engine, &secrets::resolve);
    gateway.map(Arc::new).context("configure the models")
}

/// A cluster without any token cannot be entered; the very first one is made here when a file for it is named.
async fn make_first_token(tokens: &TokenDirectory, args: &Args) -> anyhow::Result<()> {
    if !tokens.is_empty().await? {
        return Ok(());
    }
    let Some(file) = args.bootstrap_token_file.clone() else {
        tracing::warn!("the cluster has no token yet; start once with --bootstrap-token-file FILE");
        return Ok(());
    };
    let request = NewToken {
        user: args.bootstrap_user.clone(),
        roles: vec![Role::Admin, Role::Lead, Role::Operator],
        label: "first token".to_owned(),
        lifetime_ms: 0,
    };
    let text = tokens.create_first(request).await?;
    let write = move || {
        // a file left by an earlier cluster in this place opens nothing any more
        let _ = std::fs::remove_file(&file);
        aiex_security::write_secret_file(&file, format!("{text}\n").as_bytes())
    };
    tokio::task::spawn_blocking(write)
        .await?
        .context("write the first token")
}

#[allow(clippy::print_stdout, reason = "asked for by --print-addresses")]
fn print_addresses(addresses: &serde_json::Value) {
    println!("{addresses}");
}

/// What a person can do about a failed start, by what failed.
pub(crate) fn hint_for(error: &anyhow::Error) -> &'static str {
    use aiex_coordinator::Error as E;
    let cluster = error.chain().find_map(|cause| cause.downcast_ref::<E>());
    match cluster {
        Some(E::Locked { .. }) => {
            return "a data directory belongs to one running node; name another with --data-dir";
        }
        Some(E::ReadOnly { .. }) => {
            return "check its owner, its mode and whether its file system is mounted read-only, or name another with --data-dir";
        }
        Some(E::Storage { .. }) => return "check node.data_dir and the space left on its disk",
        _ => {}
    }
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::AddrInUse) => {
            "another process listens there; choose another address, or port 0 for any free port"
        }
        Some(std::io::ErrorKind::PermissionDenied) => {
            "check the owner and the mode of the data directory, and ports below 1024"
        }
        _ => "see the lines above and docs/configuration.md",
    }
}
