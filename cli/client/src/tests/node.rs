//! A node for tests: the real generated server over a small session log, with a cut at any frame.

use crate::{Client, Config, Endpoints, Token};
use aiex_proto::code::{CODE_HEADER, ErrorCode, HINT_HEADER};
use aiex_proto::v1::client_frame::Frame as ClientSays;
use aiex_proto::v1::server_frame::Frame as ServerSays;
use aiex_proto::v1::sessions_server::{Sessions, SessionsServer};
use aiex_proto::v1::*;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, Streaming};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The durable part of the node: what survives a cut.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) events: Vec<SessionEvent>,
    /// Frames after which a stream breaks, once each, in order.
    pub(crate) cuts: Vec<usize>,
    /// How often each frame of this side arrived.
    pub(crate) prompts: u32,
    pub(crate) results: u32,
    pub(crate) answers: u32,
    pub(crate) attaches: u32,
    /// Unary calls that fail with `Unavailable` before one succeeds.
    pub(crate) refusals: u32,
    pub(crate) unary_calls: u32,
    /// Request ids and authorizations seen.
    pub(crate) request_ids: Vec<String>,
    pub(crate) authorizations: Vec<String>,
    pub(crate) traceparents: Vec<String>,
}

impl Log {
    pub(crate) fn append(&mut self, kind: &str, payload: serde_json::Value) {
        let mut payload = payload;
        payload["type"] = kind.into();
        self.events.push(SessionEvent {
            seq: self.events.len() as u64 + 1,
            at_unix_ms: 0,
            actor: "node".to_owned(),
            r#type: kind.to_owned(),
            schema_version: 1,
            payload_json: payload.to_string(),
        });
    }

    fn has(&self, kind: &str, needle: &str) -> bool {
        self.events
            .iter()
            .any(|event| event.r#type == kind && event.payload_json.contains(needle))
    }
}

/// A handle on a listening test node.
#[derive(Debug, Clone)]
pub(crate) struct TestNode {
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) address: String,
}

impl TestNode {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let node = Self {
            log: Arc::default(),
            address,
        };
        let server = tonic::transport::Server::builder()
            .add_service(SessionsServer::new(node.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        #[allow(
            clippy::disallowed_methods,
            reason = "ends with the runtime of its test"
        )]
        tokio::spawn(server);
        node
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("the log's lock")
    }

    pub(crate) async fn client(&self) -> Client {
        let endpoints = Endpoints::parse(&self.address).expect("endpoint");
        let config = Config {
            connect_timeout_ms: 2_000,
            ..Config::default()
        };
        Client::connect_with(
            endpoints,
            Token::new("aiex_t_secret").expect("token"),
            config,
        )
        .await
        .expect("the node listens")
    }

    fn note<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let text = |name: &str| {
            request
                .metadata()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let mut log = self.log();
        log.unary_calls += 1;
        log.request_ids.push(text("x-request-id"));
        log.authorizations.push(text("authorization"));
        log.traceparents.push(text("traceparent"));
        if log.refusals > 0 {
            log.refusals -= 1;
            return Err(refusal(
                Code::Unavailable,
                ErrorCode::Unavailable,
                "no quorum",
                "wait",
            ));
        }
        Ok(())
    }
}

/// A status with the contract's trailers.
pub(crate) fn refusal(status: Code, code: ErrorCode, message: &str, hint: &str) -> Status {
    let mut trailers = MetadataMap::new();
    trailers.insert(CODE_HEADER, MetadataValue::from_static(code.as_str()));
    trailers.insert_bin(HINT_HEADER, MetadataValue::from_bytes(hint.as_bytes()));
    Status::with_metadata(status, message, trailers)
}

/// One attached stream: counts the frames it sends and breaks at its cut.
struct Attached {
    node: TestNode,
    frames: mpsc::Sender<Result<ServerFrame, Status>>,
    sent: usize,
    cut: Option<usize>,
    last_seq: u64,
}

impl Attached {
    /// False when the stream is broken.
    async fn send(&mut self, frame: ServerSays) -> bool {
        if self.cut == Some(self.sent) {
            let _gone = self.frames.send(Err(Status::unavailable("cut"))).await;
            return false;
        }
        self.sent += 1;
        self.frames
            .send(Ok(ServerFrame { frame: Some(frame) }))
            .await
            .is_ok()
    }

    async fn send_new_events(&mut self) -> bool {
        loop {
            let next = self.node.log().events.get(self.last_seq as usize).cloned();
            let Some(event) = next else { return true };
            self.last_seq = event.seq;
            if !self.send(ServerSays::Event(event)).await {
                return false;
            }
        }
    }

    /// Intended calls without outcome are asked again, as the real node does.
    async fn send_open_questions(&mut self) -> bool {
        let (approval, tool) = {
            let log = self.node.log();
            let intended = log.has("tool_call_intended", "call-1");
            let decided = log.has("approval_decided", "call-1");
            let finished = log.has("tool_call_finished", "call-1");
            (intended && !decided, intended && decided && !finished)
        };
        if approval {
            let request = ApprovalRequest {
                call_id: "call-1".into(),
                name: "edit_file".into(),
                ..Default::default()
            };
            return self.send(ServerSays::ApprovalRequest(request)).await;
        }
        if tool {
            let call = ToolCall {
                call_id: "call-1".into(),
                name: "edit_file".into(),
                ..Default::default()
            };
            return self.send(ServerSays::ToolCall(call)).await;
        }
        true
    }

    fn take(&self, frame: ClientSays) {
        let mut log = self.node.log();
        match frame {
            ClientSays::Prompt(prompt) => {
                log.prompts += 1;
                if !log.has("turn_started", &prompt.request_id) {
                    log.append(
                        "turn_started",
                        serde_json::json!({"turn": 1, "request_id": prompt.request_id}),
                    );
                    log.append(
                        "tool_call_intended",
                        serde_json::json!({"turn": 1, "call_id": "call-1"}),
                    );
                }
            }
            ClientSays::ApprovalAnswer(answer) => {
                log.answers += 1;
                if !log.has("approval_decided", &answer.call_id) {
                    log.append(
                        "approval_decided",
                        serde_json::json!({"turn": 1, "call_id": answer.call_id}),
                    );
                }
            }
            ClientSays::ToolResult(result) => {
                log.results += 1;
                if !log.has("tool_call_finished", &result.call_id) {
                    log.append(
                        "tool_call_finished",
                        serde_json::json!({"turn": 1, "call_id": result.call_id}),
                    );
                    log.append("turn_finished", serde_json::json!({"turn": 1}));
                }
            }
            ClientSays::Open(_) | ClientSays::CancelTurn(_) => {}
        }
    }

    async fn run(mut self, mut incoming: Streaming<ClientFrame>) {
        let Ok(Some(ClientFrame {
            frame: Some(ClientSays::Open(open)),
        })) = incoming.message().await
        else {
            return;
        };
        self.last_seq = open.last_seq;
        let head_seq = self.node.log().events.len() as u64;
        let opened = Opened {
            session_id: open.session_id,
            head_seq,
            node_id: "n1".into(),
            ..Default::default()
        };
        let alive = self.send(ServerSays::Opened(opened)).await
            && self.send_new_events().await
            && self
                .send(ServerSays::CaughtUp(CaughtUp { seq: head_seq }))
                .await
            && self.send_open_questions().await;
        if !alive {
            return;
        }
        while let Some(Ok(frame)) = incoming.next().await {
            if let Some(frame) = frame.frame {
                self.take(frame);
            }
            if !self.send_new_events().await || !self.send_open_questions().await {
                return;
            }
        }
    }
}

#[tonic::async_trait]
impl Sessions for TestNode {
    type AttachStream = Answers<ServerFrame>;
    type ExportStream = Answers<DocumentChunk>;

    async fn attach(
        &self,
        request: Request<Streaming<ClientFrame>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (frames, queue) = mpsc::channel(32);
        let cut = {
            let mut log = self.log();
            log.attaches += 1;
            (!log.cuts.is_empty()).then(|| log.cuts.remove(0))
        };
        let attached = Attached {
            node: self.clone(),
            frames,
            sent: 0,
            cut,
            last_seq: 0,
        };
        #[allow(clippy::disallowed_methods, reason = "ends with its stream")]
        tokio::spawn(attached.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }

    async fn create(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<SessionSummary>, Status> {
        self.note(&request)?;
        let title = request.into_inner().title;
        Ok(Response::new(SessionSummary {
            session_id: "s-1".into(),
            title,
            ..Default::default()
        }))
    }

    async fn list(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsReply>, Status> {
        self.note(&request)?;
        Ok(Response::new(ListSessionsReply::default()))
    }

    async fn get(
        &self,
        request: Request<GetSessionRequest>,
    ) -> Result<Response<SessionDetail>, Status> {
        self.note(&request)?;
        Err(refusal(
            Code::NotFound,
            ErrorCode::NotFound,
            "no session s-9",
            "see aiex list sessions",
        ))
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
        let chunks = ["{\"format\":1}\n", "{\"seq\":1}\n"];
        let chunks = chunks.map(|text| Ok(DocumentChunk { data: text.into() }));
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn import(
        &self,
        request: Request<Streaming<DocumentChunk>>,
    ) -> Result<Response<SessionSummary>, Status> {
        self.note(&request)?;
        let mut chunks = request.into_inner();
        let mut size = 0;
        while let Some(chunk) = chunks.message().await? {
            size += chunk.data.len();
        }
        Ok(Response::new(SessionSummary {
            session_id: format!("imported-{size}"),
            ..Default::default()
        }))
    }

    async fn show_context(
        &self,
        _: Request<ShowContextRequest>,
    ) -> Result<Response<ShowContextReply>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
}
