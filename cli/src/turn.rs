//! One turn, from the order on the command line to the exit code.
//!
//! Prepares (project, tools, connection, files), then drives: events are shown, tools run here, approvals are
//! asked for, and a lost node is followed to wherever the session goes on.

mod driver;
mod progress;
mod sources;
#[cfg(test)]
mod tests;
mod view;

use crate::approval::Approver;
use crate::args::ChangeOptions;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::{Invocation, Route, Workplace, interruptible, to_end};
use crate::session_json::Task;
use crate::tool_host::{Limits, Place, ToolHost};
use aiex_client::{Client, OpenSession, SessionStream};
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::{
    CreateSessionRequest, Executor, GetSessionRequest, Prompt, SessionDetail, SessionSummary,
};
use driver::Driver;
use progress::{Follow, Progress};
pub(crate) use sources::send_sources;
use uuid::Uuid;
use view::View;

/// Which session a turn runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    New,
    Session(String),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) place: Where,
    pub(crate) model: Option<String>,
    pub(crate) change: ChangeOptions,
}

/// What a turn needs before anything travels.
struct Prepared<'a> {
    invocation: &'a Invocation,
    workplace: Workplace,
    route: Route,
    hands: crate::tool_host::Starting,
    limits: Limits,
    model: String,
    reconnect_deadline_ms: Option<u64>,
    yes: bool,
}

/// Runs a turn and returns how it ended.
///
/// # Errors
/// Whatever kept the turn from ending: no cluster, a refusal, an interruption.
pub(crate) fn run(invocation: &Invocation, order: Order) -> Result<Exit, Error> {
    let workplace = invocation.workplace()?;
    let prepared = prepare(invocation, workplace, order.model.as_deref(), order.change)?;
    to_end(async move {
        let client = interruptible(prepared.route.connect()).await?;
        let workspace_id = interruptible(prepared.send_sources(&client)).await?;
        let summary = interruptible(prepared.choose_session(&client, &order)).await?;
        let request_id = Uuid::now_v7().hyphenated().to_string();
        let prompt = Prompt {
            request_id: request_id.clone(),
            task_json: serde_json::to_string(&order.task)
                .map_err(|error| Error::internal(error.to_string()))?,
            model: prepared.model.clone(),
            workspace_id: workspace_id.clone(),
        };
        let last_seq = if order.place == Where::New {
            0
        } else {
            summary.head_seq
        };
        let progress = Progress::new(Follow::Request(request_id));
        let mut driver =
            interruptible(prepared.attach(client, summary, last_seq, workspace_id, progress))
                .await?;
        driver.prompt(prompt);
        driver.run().await
    })
}

/// Goes on with a turn that is already running; `detail` holds the events so far.
///
/// # Errors
/// As [`run`]; also when the session belongs to another project.
pub(crate) fn resume(
    invocation: &Invocation,
    detail: SessionDetail,
    change: ChangeOptions,
) -> Result<Exit, Error> {
    let workplace = invocation.workplace()?;
    let summary = detail.summary.unwrap_or_default();
    check_project(&summary, &workplace)?;
    let prepared = prepare(invocation, workplace, None, change)?;
    to_end(async move {
        let client = interruptible(prepared.route.connect()).await?;
        let workspace_id = interruptible(prepared.send_sources(&client)).await?;
        let mut progress = Progress::new(Follow::Latest);
        let mut last_seq = 0;
        for event in &detail.events {
            progress.apply(&crate::session_json::Event::read(&event.payload_json));
            last_seq = event.seq;
        }
        let mut driver =
            interruptible(prepared.attach(client, summary, last_seq, workspace_id, progress))
                .await?;
        driver.run().await
    })
}

fn prepare<'a>(
    invocation: &'a Invocation,
    workplace: Workplace,
    model: Option<&str>,
    change: ChangeOptions,
) -> Result<Prepared<'a>, Error> {
    let settings = invocation.settings(model)?;
    // The executor probes the sandbox on its own thread while the node is found.
    let hands = ToolHost::start(Place {
        project_root: workplace.project.root.clone(),
        state_dir: workplace.state.tools_dir(),
        read_outside: settings.read_outside.clone(),
        allow_unsandboxed: settings.allow_unsandboxed,
        search_path: invocation.environment.search_path.clone(),
        mix_home: invocation.environment.mix_home.clone(),
    })?;
    let limits = Limits {
        dry_run: change.dry_run,
        read_only: workplace.settings.read_only,
        denied_tools: workplace.settings.deny_tools.clone(),
    };
    Ok(Prepared {
        route: invocation.route(&settings)?,
        model: settings.model.clone().unwrap_or_default(),
        reconnect_deadline_ms: settings.reconnect_deadline_ms,
        yes: change.yes,
        invocation,
        workplace,
        hands,
        limits,
    })
}

impl<'a> Prepared<'a> {
    async fn send_sources(&self, client: &Client) -> Result<String, Error> {
        send_sources(client, &self.workplace, &self.invocation.output).await
    }

    async fn choose_session(
        &self,
        client: &Client,
        order: &Order,
    ) -> Result<SessionSummary, Error> {
        let summary = match &order.place {
            Where::New => {
                let request = CreateSessionRequest {
                    request_id: Uuid::now_v7().hyphenated().to_string(),
                    title: order.task.headline(),
                    project: self.workplace.project.name.clone(),
                };
                client.create(request).await?
            }
            Where::Session(session_id) => {
                let request = GetSessionRequest {
                    session_id: session_id.clone(),
                    ..Default::default()
                };
                let summary = client.get(request).await?.summary.unwrap_or_default();
                check_project(&summary, &self.workplace)?;
                summary
            }
        };
        self.workplace.state.remember_session(&summary.session_id)?;
        Ok(summary)
    }

    async fn attach(
        self,
        client: Client,
        summary: SessionSummary,
        last_seq: u64,
        workspace_id: String,
        progress: Progress,
    ) -> Result<Driver<'a>, Error> {
        let output = &self.invocation.output;
        output.progress("getting the tools ready");
        let host = self.hands.ready().await?;
        let mut open = OpenSession::new(summary.session_id.clone(), last_seq);
        open.reconnect_deadline_ms = self
            .reconnect_deadline_ms
            .unwrap_or(open.reconnect_deadline_ms);
        open.executor = Some(Executor {
            executor_id: self.workplace.project.executor_id.clone(),
            tools: host.capabilities.tools.clone(),
            workspace_id,
            elixir_available: host.capabilities.elixir_available,
            sandbox_tier: host.capabilities.sandbox_tier.clone(),
        });
        output.progress("attaching");
        let stream = SessionStream::open(&client, open).await?;
        let mut view = View::new(output);
        view.session(&summary)?;
        Ok(Driver {
            approver: Approver::new(
                self.yes,
                &self.invocation.environment,
                output,
                self.workplace.state.clone(),
            ),
            root: self.workplace.project.root.clone(),
            local: self.route.local,
            limits: self.limits,
            client,
            stream,
            host,
            view,
            progress,
        })
    }
}

fn check_project(summary: &SessionSummary, workplace: &Workplace) -> Result<(), Error> {
    if summary.project.is_empty() || summary.project == workplace.project.name {
        return Ok(());
    }
    Err(Error::refused(
        ErrorCode::Conflict,
        format!(
            "the session belongs to the project {}, this is {}",
            summary.project, workplace.project.name
        ),
        "change to that project's directory, or fork the session there",
    ))
}
