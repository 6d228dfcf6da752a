//! A node for tests: its model asks for one tool call and then answers.

use aiex_proto::v1::client_frame::Frame as ClientSays;
use aiex_proto::v1::server_frame::Frame as ServerSays;
use aiex_proto::v1::sessions_server::Sessions;
use aiex_proto::v1::workspaces_server::Workspaces;
use aiex_proto::v1::*;
use serde_json::json;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// The id every test session has.
pub(super) const SESSION: &str = "0199c1d2-0000-7000-8000-000000000001";

/// What the node remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) events: Vec<SessionEvent>,
    pub(super) contents: HashMap<Vec<u8>, Vec<u8>>,
    pub(super) files: Vec<FileEntry>,
    pub(super) executor: Option<Executor>,
    pub(super) outcomes: Vec<serde_json::Value>,
    pub(super) attaches: u32,
    pub(super) cancelled: bool,
    /// The first stream breaks when the tool is asked for.
    pub(super) breaks: bool,
}

/// A node whose model asks for one tool call and then answers.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) tool: &'static str,
    pub(super) arguments: String,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Memory {
    pub(super) fn append(&mut self, payload: serde_json::Value) {
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
