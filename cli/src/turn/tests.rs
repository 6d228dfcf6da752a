//! A whole turn against the generated server: sync, upload, tools on a real tree, approvals, a lost link.

use super::*;
use crate::args::{self, Global};
use crate::environment::Environment;
use crate::output::Output;
use aiex_proto::v1::client_frame::Frame as ClientSays;
use aiex_proto::v1::server_frame::Frame as ServerSays;
use aiex_proto::v1::sessions_server::{Sessions, SessionsServer};
use aiex_proto::v1::workspaces_server::{Workspaces, WorkspacesServer};
use aiex_proto::v1::*;
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// The id every test session has.
const SESSION: &str = "0199c1d2-0000-7000-8000-000000000001";

/// What the node remembers.
#[derive(Debug, Default)]
struct Memory {
    events: Vec<SessionEvent>,
    contents: HashMap<Vec<u8>, Vec<u8>>,
    files: Vec<FileEntry>,
    executor: Option<super::Executor>,
    outcomes: Vec<serde_json::Value>,
    attaches: u32,
    cancelled: bool,
    /// The first stream breaks when the tool is asked for.
    breaks: bool,
}

/// A node whose model asks for one tool call and then answers.
#[derive(Debug, Clone)]
struct Node {
    memory: Arc<Mutex<Memory>>,
    tool: &'static str,
    arguments: String,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Memory {
    fn append(&mut self, payload: serde_json::Value) {
        self.events.push(SessionEvent {
            seq: self.events.len() as u64 + 1,
            at_unix_ms: 1,
            actor: "node".into(),
            r#type: payload["type"].as_str().unwrap_or_default().into(),
            schema_version: 1,
            payload_json: payload.to_string(),
        });
    }

    fn has(&self, kind: &str) -> bool {
        self.events.iter().any(|event| event.r#type == kind)
    }
}

impl Node {
    /// Takes a frame of the client in.
    fn take(&self, frame: ClientSays) {
        let mut memory = self.memory.lock().expect("memory");
        match frame {
            ClientSays::Prompt(prompt) if !memory.has("turn_started") => {
                let task: serde_json::Value =
                    serde_json::from_str(&prompt.task_json).expect("a task");
                memory.append(
                    json!({"type": "turn_started", "turn": 1, "request_id": prompt.request_id,
                    "task": task, "model": "offline", "workspace_id": prompt.workspace_id}),
                );
                memory.append(
                    json!({"type": "tool_call_intended", "turn": 1, "call_id": "call-1",
                    "name": self.tool, "arguments": self.arguments}),
                );
            }
            ClientSays::ToolResult(result) if !memory.has("tool_call_finished") => {
                let outcome: serde_json::Value =
                    serde_json::from_str(&result.outcome_json).expect("an outcome");
                let output = outcome["output"].clone();
                let changes: Vec<_> = outcome["changes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|change| json!({"path": change["path"], "before": {"inline": change["before"]}, "after": {"inline": change["after"]}}))
                    .collect();
                memory.append(json!({"type": "tool_call_finished", "turn": 1, "call_id": result.call_id,
                    "status": outcome["status"], "output": {"inline": output}, "accesses": [], "changes": changes}));
                memory.outcomes.push(outcome);
                memory.append(json!({"type": "model_replied", "turn": 1, "call_id": "m", "provider": "offline",
                    "content": [{"type": "text", "text": "it is done"}], "stop": "end_turn",
                    "usage": {"input_tokens": 5, "output_tokens": 2}}));
                memory.append(
                    json!({"type": "turn_finished", "turn": 1, "end": {"end": "completed"}}),
                );
            }
            ClientSays::CancelTurn(_) => memory.cancelled = true,
            _ => {}
        }
    }

    async fn serve(
        self,
        mut incoming: Streaming<ClientFrame>,
        frames: mpsc::Sender<Result<ServerFrame, Status>>,
    ) {
        let say = async |frame: ServerSays| {
            let _client_may_be_gone = frames.send(Ok(ServerFrame { frame: Some(frame) })).await;
        };
        let Ok(Some(ClientFrame {
            frame: Some(ClientSays::Open(open)),
        })) = incoming.message().await
        else {
            return;
        };
        let breaks = {
            let mut memory = self.memory.lock().expect("memory");
            memory.attaches += 1;
            memory.executor = open.executor;
            memory.breaks && memory.attaches == 1
        };
        let mut sent = open.last_seq;
        let head_seq = self.memory.lock().expect("memory").events.len() as u64;
        say(ServerSays::Opened(Opened {
            session_id: open.session_id,
            head_seq,
            node_id: "n1".into(),
            ..Default::default()
        }))
        .await;
        let mut caught_up = false;
        loop {
            let (events, asks) = {
                let memory = self.memory.lock().expect("memory");
                let events: Vec<_> = memory
                    .events
                    .iter()
                    .filter(|event| event.seq > sent)
                    .cloned()
                    .collect();
                (
                    events,
                    memory.has("tool_call_intended") && !memory.has("tool_call_finished"),
                )
            };
            for event in events {
                sent = event.seq;
                say(ServerSays::Event(event)).await;
            }
            if !caught_up {
                caught_up = true;
                say(ServerSays::CaughtUp(CaughtUp { seq: head_seq })).await;
            }
            if asks {
                let call = ToolCall {
                    call_id: "call-1".into(),
                    name: self.tool.into(),
                    arguments_json: self.arguments.clone(),
                    ..Default::default()
                };
                say(ServerSays::ToolCall(call)).await;
            }
            match incoming.message().await {
                Ok(Some(ClientFrame {
                    frame: Some(ClientSays::ToolResult(_)),
                })) if breaks => {
                    let _gone = frames.send(Err(Status::unavailable("the node died"))).await;
                    return;
                }
                Ok(Some(ClientFrame { frame: Some(frame) })) => self.take(frame),
                _ => return,
            }
        }
    }
}

#[tonic::async_trait]
impl Sessions for Node {
    type AttachStream = Answers<ServerFrame>;
    type ExportStream = Answers<DocumentChunk>;

    async fn attach(
        &self,
        request: Request<Streaming<ClientFrame>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (frames, queue) = mpsc::channel(32);
        #[allow(clippy::disallowed_methods, reason = "ends with its stream")]
        tokio::spawn(self.clone().serve(request.into_inner(), frames));
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }
    async fn create(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<SessionSummary>, Status> {
        let request = request.into_inner();
        self.memory
            .lock()
            .expect("memory")
            .append(json!({"type": "session_created", "title": request.title,
            "project": request.project, "owner": "ana"}));
        let summary = SessionSummary {
            session_id: SESSION.into(),
            title: request.title,
            project: request.project,
            ..Default::default()
        };
        Ok(Response::new(summary))
    }
    async fn list(
        &self,
        _: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsReply>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
    async fn get(&self, _: Request<GetSessionRequest>) -> Result<Response<SessionDetail>, Status> {
        let events = self.memory.lock().expect("memory").events.clone();
        let summary = SessionSummary {
            session_id: SESSION.into(),
            state: "waiting".into(),
            head_seq: events.len() as u64,
            ..Default::default()
        };
        Ok(Response::new(SessionDetail {
            summary: Some(summary),
            events,
            ..Default::default()
        }))
    }
    async fn fork(
        &self,
        _: Request<ForkSessionRequest>,
    ) -> Result<Response<SessionSummary>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
    async fn archive(
        &self,
        _: Request<ArchiveSessionRequest>,
    ) -> Result<Response<SessionSummary>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
    async fn export(
        &self,
        _: Request<ExportSessionRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
    async fn import(
        &self,
        _: Request<Streaming<DocumentChunk>>,
    ) -> Result<Response<SessionSummary>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
    async fn show_context(
        &self,
        _: Request<ShowContextRequest>,
    ) -> Result<Response<ShowContextReply>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
}

#[tonic::async_trait]
impl Workspaces for Node {
    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncReply>, Status> {
        let files = request.into_inner().files;
        let mut memory = self.memory.lock().expect("memory");
        let missing = files
            .iter()
            .filter(|file| !memory.contents.contains_key(&file.hash.to_vec()));
        let missing = missing.map(|file| file.hash.clone()).collect();
        memory.files = files;
        Ok(Response::new(SyncReply {
            workspace_id: "w-1".into(),
            missing,
        }))
    }
    async fn upload(
        &self,
        request: Request<Streaming<FileContent>>,
    ) -> Result<Response<UploadReply>, Status> {
        let mut contents = request.into_inner();
        let mut stored = 0;
        while let Some(file) = contents.message().await? {
            self.memory
                .lock()
                .expect("memory")
                .contents
                .insert(file.hash.to_vec(), file.content.to_vec());
            stored += 1;
        }
        Ok(Response::new(UploadReply { stored }))
    }
    async fn search(&self, _: Request<SearchRequest>) -> Result<Response<SearchReply>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
}

/// A project, a node that serves it from its own thread, and an invocation that points there.
struct Scene {
    _dir: tempfile::TempDir,
    node: Node,
    invocation: Invocation,
    file: std::path::PathBuf,
}

fn scene(tool: &'static str, arguments: serde_json::Value) -> Scene {
    let dir = tempfile::tempdir().expect("a directory");
    let top = dir.path().canonicalize().expect("a real path");
    let root = top.join("shop");
    fs::create_dir_all(root.join("lib")).expect("directories");
    fs::write(root.join(".aiex.toml"), "").expect("a file");
    let file = root.join("lib/a.ex");
    fs::write(&file, "defmodule A do\n  def one, do: 1\nend\n").expect("a file");
    let node = Node {
        memory: Arc::default(),
        tool,
        arguments: arguments.to_string(),
    };
    let endpoint = listen(node.clone());
    let environment = Environment {
        cwd: root,
        config_dir: top.join("config"),
        state_dir: top.join("state"),
        endpoint: Some(endpoint),
        token: Some("aiex_1_secret".into()),
        ..Environment::default()
    };
    let output = Output::new(&environment, true, true, true);
    Scene {
        _dir: dir,
        node,
        invocation: Invocation {
            environment,
            global: Global::default(),
            output,
        },
        file,
    }
}

/// Serves until the test's process ends.
fn listen(node: Node) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    listener
        .set_nonblocking(true)
        .expect("a listener for tokio");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let server = tonic::transport::Server::builder()
                .add_service(SessionsServer::new(node.clone()))
                .add_service(WorkspacesServer::new(node));
            server
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .expect("served");
        });
    });
    address
}

fn order(yes: bool, dry_run: bool) -> Order {
    Order {
        task: Task::Ask {
            text: "change it".into(),
        },
        place: Where::New,
        model: None,
        change: ChangeOptions { dry_run, yes },
    }
}

fn edit() -> serde_json::Value {
    json!({"path": "lib/a.ex", "edits": [{"old": "do: 1", "new": "do: 2"}], "verify": false})
}

#[test]
fn an_approved_edit_is_applied_once_and_reported() {
    let scene = scene("edit_file", edit());
    let exit = run(&scene.invocation, order(true, false)).expect("a turn");
    assert_eq!(exit, Exit::Done);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 2")
    );
    let memory = scene.node.memory.lock().expect("memory");
    assert_eq!(memory.outcomes.len(), 1);
    assert_eq!(memory.outcomes[0]["status"], "ok", "{}", memory.outcomes[0]);
    assert_eq!(memory.files.len(), 1, "{:?}", memory.files);
    let content = memory
        .contents
        .get(&memory.files[0].hash.to_vec())
        .expect("uploaded");
    assert!(content.starts_with(b"defmodule A"));
    let executor = memory.executor.as_ref().expect("an executor was announced");
    assert_eq!(executor.workspace_id, "w-1");
    assert!(
        executor.tools.iter().any(|tool| tool == "edit_file"),
        "{:?}",
        executor.tools
    );
    assert_eq!(
        scene.invocation.session_id(None).expect("remembered"),
        SESSION
    );
}

#[test]
fn an_edit_nobody_approves_is_denied_with_its_exit_code() {
    let scene = scene("edit_file", edit());
    let exit = run(&scene.invocation, order(false, false)).expect("a turn");
    assert_eq!(exit, Exit::Denied);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 1")
    );
    assert_eq!(
        scene.node.memory.lock().expect("memory").outcomes[0]["status"],
        "denied"
    );
}

#[test]
fn a_dry_run_changes_nothing_even_with_yes() {
    let scene = scene("edit_file", edit());
    let exit = run(&scene.invocation, order(true, true)).expect("a turn");
    assert_eq!(exit, Exit::Done);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 1")
    );
}

#[test]
fn reading_needs_no_approval() {
    let scene = scene("read_file", json!({"path": "lib/a.ex"}));
    assert_eq!(
        run(&scene.invocation, order(false, false)).expect("a turn"),
        Exit::Done
    );
    let memory = scene.node.memory.lock().expect("memory");
    assert!(
        memory.outcomes[0]["output"]
            .as_str()
            .is_some_and(|text| text.contains("def one")),
        "{:?}",
        memory.outcomes
    );
}

#[test]
fn a_node_lost_before_it_took_the_result_gets_it_again_and_the_edit_stays_one() {
    let scene = scene("edit_file", edit());
    scene.node.memory.lock().expect("memory").breaks = true;
    let exit = run(&scene.invocation, order(true, false)).expect("a turn");
    assert_eq!(exit, Exit::Done);
    let text = fs::read_to_string(&scene.file).expect("the file");
    assert_eq!(text.matches("do: 2").count(), 1);
    let memory = scene.node.memory.lock().expect("memory");
    assert_eq!((memory.attaches, memory.outcomes.len()), (2, 1));
}

#[test]
fn a_turn_left_by_another_terminal_is_finished_here() {
    let scene = scene("edit_file", edit());
    {
        let mut memory = scene.node.memory.lock().expect("memory");
        memory.append(json!({"type": "session_created", "title": "t"}));
        memory.append(json!({"type": "turn_started", "turn": 1, "request_id": "elsewhere", "task": {}, "model": "m", "workspace_id": ""}));
        memory.append(json!({"type": "tool_call_intended", "turn": 1, "call_id": "call-1", "name": "edit_file", "arguments": edit().to_string()}));
    }
    let request = GetSessionRequest {
        session_id: SESSION.into(),
        include_events: true,
        ..Default::default()
    };
    let detail = scene
        .invocation
        .call(async |client| Ok(client.get(request).await?))
        .expect("the session");
    let exit = resume(
        &scene.invocation,
        detail,
        ChangeOptions {
            dry_run: false,
            yes: true,
        },
    )
    .expect("a turn");
    assert_eq!(exit, Exit::Done);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 2")
    );
}

#[test]
fn a_session_of_another_project_is_refused() {
    let scene = scene("read_file", json!({}));
    let workplace = scene.invocation.workplace().expect("a workplace");
    let foreign = SessionSummary {
        project: "git.example.org/team/other".into(),
        ..Default::default()
    };
    let error = check_project(&foreign, &workplace).expect_err("foreign");
    assert!(
        error.to_string().contains("git.example.org/team/other"),
        "{error}"
    );
}

#[test]
fn the_command_line_reaches_the_order() {
    let cli =
        args::parse(["aiex", "ask", "--dry-run", "why", "so"].map(Into::into)).expect("understood");
    let args::Command::Ask(ask) = cli.command else {
        panic!("not ask")
    };
    assert_eq!(ask.text, ["why", "so"]);
    assert!(ask.change.dry_run && !ask.change.yes);
}
