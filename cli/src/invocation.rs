//! One run of the program: what it was given, and the ways to the project and to the cluster.

use crate::args::Global;
use crate::config::{Flags, ProjectSettings, Settings};
use crate::environment::Environment;
use crate::error::Error;
use crate::local_node::LocalNode;
use crate::output::Output;
use crate::project::Project;
use crate::state::ProjectState;
use crate::turn::Where;
use aiex_client::{Client, Config, Endpoints, Token};
use aiex_proto::code::ErrorCode;
use std::fs;
use std::future::Future;

/// What every command is handed.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) environment: Environment,
    pub(crate) global: Global,
    pub(crate) output: Output,
}

/// A project with its settings and its memory.
#[derive(Debug)]
pub(crate) struct Workplace {
    pub(crate) project: Project,
    pub(crate) settings: ProjectSettings,
    pub(crate) state: ProjectState,
}

/// How to reach the cluster; decided before any connection is made.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) endpoints: Endpoints,
    pub(crate) token: Token,
    pub(crate) config: Config,
    /// Set when the cluster is the private node, which may be started again when it dies.
    pub(crate) local: Option<LocalNode>,
}

impl Invocation {
    pub(crate) fn settings(&self, model: Option<&str>) -> Result<Settings, Error> {
        let flags = Flags {
            endpoint: self.global.endpoint.clone(),
            model: model.map(str::to_owned),
        };
        Settings::load(&self.environment, &flags)
    }

    pub(crate) fn workplace(&self) -> Result<Workplace, Error> {
        let project = Project::find(&self.environment)?;
        let settings = ProjectSettings::load(&project.root)?;
        let state = ProjectState::open(&project.state_dir)?;
        Ok(Workplace {
            project,
            settings,
            state,
        })
    }

    /// The session named by an argument, by `--session`, or the last one of this project.
    pub(crate) fn session_id(&self, argument: Option<&str>) -> Result<String, Error> {
        if let Some(id) = argument.or(self.global.session.as_deref()) {
            return check_session_id(id);
        }
        self.workplace()?.state.last_session().ok_or_else(|| {
            Error::usage(
                "this project has no session yet",
                "name one; see: aiex list sessions --everywhere",
            )
        })
    }

    /// Where a turn runs when nothing else is said: in the session of `--session`, else in a new one.
    pub(crate) fn place(&self) -> Result<Where, Error> {
        match &self.global.session {
            Some(id) => Ok(Where::Session(check_session_id(id)?)),
            None => Ok(Where::New),
        }
    }

    /// Decides where the cluster is; starts the private node when nothing is configured.
    pub(crate) fn route(&self, settings: &Settings) -> Result<Route, Error> {
        let config = client_config(settings)?;
        if let Some(endpoints) = settings.endpoints()? {
            let token = settings.token()?.ok_or_else(no_token)?;
            return Ok(Route {
                endpoints,
                token,
                config,
                local: None,
            });
        }
        let local = LocalNode::new(&self.environment);
        if local.running().is_none() {
            self.output.progress("starting a private node");
        }
        let started = local.start();
        self.output.rest();
        let started = started?;
        if started.fresh {
            self.output.note(&format!(
                "no endpoint is configured: started a private node with its data in {} (aiex stop local ends it)",
                local.dir().display()
            ));
        }
        let token = match settings.token()? {
            Some(token) => token,
            None => local.token()?,
        };
        Ok(Route {
            endpoints: LocalNode::endpoints(&started.record)?,
            token,
            config,
            local: Some(local),
        })
    }

    /// Connects and runs one exchange of calls.
    pub(crate) fn call<T>(
        &self,
        run: impl AsyncFnOnce(Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let route = self.route(&self.settings(None)?)?;
        block_on(async {
            let client = route.connect().await?;
            run(client).await
        })
    }
}

impl Route {
    pub(crate) async fn connect(&self) -> Result<Client, Error> {
        Ok(Client::connect_with(
            self.endpoints.clone(),
            self.token.clone(),
            self.config.clone(),
        )
        .await?)
    }
}

/// Runs a future to its end, or to Ctrl-C.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    to_end(interruptible(future))
}

/// Runs a future that handles Ctrl-C itself. Threads that still run a tool do not hold the program back.
pub(crate) fn to_end<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal(format!("the runtime does not start: {error}")))?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// Ends at once on Ctrl-C: for work that leaves nothing to cancel.
pub(crate) async fn interruptible<T>(
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        result = future => result,
        _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    }
}

/// Session ids are UUIDs; anything else is a slip of the hand and never leaves this machine.
fn check_session_id(id: &str) -> Result<String, Error> {
    uuid::Uuid::parse_str(id)
        .map(|id| id.hyphenated().to_string())
        .map_err(|_| {
            Error::usage(
                format!("'{id}' is not the id of a session"),
                "see: aiex list sessions",
            )
        })
}

fn client_config(settings: &Settings) -> Result<Config, Error> {
    let mut config = Config::default();
    if let Some(path) = &settings.ca_file {
        config.ca_pem = Some(fs::read(path).map_err(|error| Error::file("read", path, &error))?);
    }
    Ok(config)
}

fn no_token() -> Error {
    Error::refused(
        ErrorCode::Unauthenticated,
        "no token for the cluster",
        "set AIEX_TOKEN, or token = \"file:PATH\" in config.toml; a colleague makes one with: aiex create token",
    )
}
