//! The HTTP side: routes, authentication, and the way of a request from bytes to an answer.

use crate::asked::{Asked, Digest};
use crate::bill::{Attempt, Bill, OpenLine, Outcome, tokens};
use crate::delivery::Plan;
use crate::performance::{Frame, Performance, perform};
use crate::refusal::{Dialect, Refusal, identity, limits, words};
use crate::script::{Fault, Script, Step};
use crate::selection::select;
use crate::{anthropic, openai, tasks};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Most bytes of a request.
const REQUEST_BYTES_MAX: usize = 32 << 20;
/// Most requests answered at once; more are refused as overload.
const REQUESTS_AT_ONCE_MAX: usize = 1_024;
/// Most requests kept for [`ScriptedProvider::requests`].
const REQUESTS_KEPT_MAX: usize = 256;
/// Most requests whose attempts are counted; then counting starts anew.
const COUNTED_MAX: usize = 100_000;
/// Most prefixes remembered as cached.
const PREFIXES_MAX: usize = 10_000;
/// The longest silence before headers.
const STALL_MS_MAX: u64 = 3_600_000;

/// A running provider. Dropping it stops accepting.
#[derive(Debug)]
pub struct ScriptedProvider {
    address: SocketAddr,
    stage: Arc<Stage>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl ScriptedProvider {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(script: Script) -> std::io::Result<Self> {
        Self::bind(script, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// When the address cannot be opened.
    pub async fn bind(script: Script, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stage = Arc::new(Stage::new(script));
        let (stop, stopped) = oneshot::channel();
        let task = tasks::serve(listener, app(Arc::clone(&stage)), stopped);
        Ok(Self {
            address,
            stage,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for OpenAI clients, version included.
    pub fn openai_base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The base URL for Anthropic clients, which add the version themselves.
    pub fn anthropic_base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every attempt so far.
    pub fn bill(&self) -> Vec<Attempt> {
        self.stage.bill.attempts()
    }

    /// The bodies of the last 256 requests that were JSON, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.stage.requests).iter().cloned().collect()
    }

    /// Stops accepting and waits until what is under way has ended.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _already_gone = stop.send(());
        }
        let _ended = (&mut self.task).await;
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Stage {
    script: Script,
    bill: Arc<Bill>,
    requests: Mutex<VecDeque<Value>>,
    /// How often the same request was asked.
    asked: Mutex<HashMap<u64, usize>>,
    /// Prefixes in the cache.
    prefixes: Mutex<HashSet<u64>>,
    places: Arc<Semaphore>,
}

impl Stage {
    fn new(script: Script) -> Self {
        Self {
            script,
            bill: Arc::default(),
            requests: Mutex::default(),
            asked: Mutex::default(),
            prefixes: Mutex::default(),
            places: Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX)),
        }
    }

    /// The fault this attempt meets: the same request asked again meets the next one.
    fn fault<'a>(&self, step: &'a Step, name: &str, asked: &Asked) -> &'a Fault {
        let mut digest = Digest(asked.digest());
        digest.text(name);
        let mut counted = lock(&self.asked);
        if counted.len() >= COUNTED_MAX {
            counted.clear();
        }
        let before = counted.entry(digest.0).or_default();
        let fault = step.faults.get(*before).or(step.always.as_ref());
        *before += 1;
        fault.unwrap_or(&Fault::Pass)
    }

    /// Tokens read from and written to the cache.
    fn cache(&self, asked: &Asked) -> (u64, u64) {
        if !asked.cache_marked {
            return (0, 0);
        }
        let prefix_tokens = tokens(asked.prefix_bytes());
        let mut prefixes = lock(&self.prefixes);
        if prefixes.len() >= PREFIXES_MAX {
            prefixes.clear();
        }
        match prefixes.insert(asked.prefix_digest()) {
            true => (0, prefix_tokens),
            false => (prefix_tokens, 0),
        }
    }

    fn keep(&self, body: &Value) {
        let mut requests = lock(&self.requests);
        if requests.len() == REQUESTS_KEPT_MAX {
            requests.pop_front();
        }
        requests.push_back(body.clone());
    }
}

fn app(stage: Arc<Stage>) -> Router {
    Router::new()
        .route(
            "/v1/chat/completions",
            post(async |stage: State<Arc<Stage>>, request: Request| {
                answer(Dialect::OpenAi, &stage, request).await
            }),
        )
        .route(
            "/v1/messages",
            post(async |stage: State<Arc<Stage>>, request: Request| {
                answer(Dialect::Anthropic, &stage, request).await
            }),
        )
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models))
        .route("/bill", get(bill))
        .route("/health", get(async || "ok\n"))
        .fallback(async || {
            Refusal::new(404, "Unknown request URL.").response(
                Dialect::OpenAi,
                "req_none",
                now_unix_ms(),
            )
        })
        .with_state(stage)
}

async fn bill(State(stage): State<Arc<Stage>>) -> Json<Value> {
    Json(json!({"count": stage.bill.count(), "attempts": stage.bill.attempts()}))
}

async fn models(State(stage): State<Arc<Stage>>, headers: HeaderMap) -> Json<Value> {
    let entry = |id: &String| match headers.contains_key("anthropic-version") {
        true => {
            json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z"})
        }
        false => {
            json!({"id": id, "object": "model", "created": 1_767_225_600, "owned_by": "script"})
        }
    };
    let data: Vec<Value> = stage.script.models.iter().map(entry).collect();
    let ends = (stage.script.models.first(), stage.script.models.last());
    Json(
        json!({"object": "list", "data": data, "has_more": false, "first_id": ends.0, "last_id": ends.1}),
    )
}

async fn count_tokens(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let dialect = Dialect::Anthropic;
    let counted = async {
        check_key(dialect, &stage.script, request.headers())?;
        let body = read_body(request).await?;
        let asked = anthropic::read(&body, true)?;
        Ok::<_, Refusal>(json!({"input_tokens": tokens(asked.input_bytes())}))
    };
    match counted.await {
        Ok(count) => json_response(Body::from(count.to_string())),
        Err(refusal) => refusal.response(dialect, "req_count", now_unix_ms()),
    }
}

async fn answer(dialect: Dialect, stage: &Arc<Stage>, request: Request) -> Response {
    let now_unix_ms = now_unix_ms();
    let call_id = call_id_of(request.headers());
    let mut line = stage.bill.enter(Attempt {
        number: 0,
        at_unix_ms: now_unix_ms,
        dialect: dialect.name().to_owned(),
        model: String::new(),
        call_id,
        step: String::new(),
        streamed: false,
        status: 0,
        outcome: Outcome::Open,
        input_tokens: 0,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        output_tokens: 0,
        thinking_tokens: 0,
        reported_input_tokens: 0,
        reported_output_tokens: 0,
    });
    match perform_request(dialect, stage, request, &line, now_unix_ms).await {
        Ok(ready) => ready.respond(line, now_unix_ms),
        Err(refusal) => {
            line.write(|it| it.status = refusal.status);
            line.close(Outcome::Refused);
            refusal.response(dialect, "req_refused", now_unix_ms)
        }
    }
}

/// An answer, ready to be sent.
struct Ready {
    dialect: Dialect,
    performance: Performance,
    plan: Plan,
    stream: bool,
    permit: OwnedSemaphorePermit,
}

/// Everything up to the first byte of a good answer.
async fn perform_request(
    dialect: Dialect,
    stage: &Arc<Stage>,
    request: Request,
    line: &OpenLine,
    now_unix_ms: i64,
) -> Result<Ready, Refusal> {
    let overload = if dialect == Dialect::OpenAi { 503 } else { 529 };
    let permit = Arc::clone(&stage.places).try_acquire_owned();
    let permit = permit.map_err(|_| Refusal::new(overload, words(overload)))?;
    check_key(dialect, &stage.script, request.headers())?;
    if dialect == Dialect::Anthropic && !request.headers().contains_key("anthropic-version") {
        return Err(Refusal::bad("anthropic-version", "header is required"));
    }
    let call_id = call_id_of(request.headers());
    let body = read_body(request).await?;
    stage.keep(&body);
    let mut asked = match dialect {
        Dialect::OpenAi => openai::read(&body)?,
        Dialect::Anthropic => anthropic::read(&body, false)?,
    };
    asked.call_id = call_id;
    line.write(|it| {
        it.model.clone_from(&asked.model);
        it.streamed = asked.stream;
    });
    if !stage.script.models.is_empty() && !stage.script.models.contains(&asked.model) {
        return Err(Refusal::new(404, format!("model: {}", asked.model)));
    }
    let selected = select(&stage.script, &asked).map_err(|why| Refusal::new(400, why))?;
    line.write(|it| it.step.clone_from(&selected.name));
    let fault = stage.fault(selected.step, &selected.name, &asked);
    refuse(fault)?;
    let cache = stage.cache(&asked);
    let created_unix_s = now_unix_ms / 1_000;
    let performance = perform(
        selected.step,
        &selected.name,
        fault,
        &asked,
        cache,
        created_unix_s,
    );
    charge_input(line, &performance, asked.stream);
    if let Fault::StallBeforeHeaders { ms } = *fault {
        // it has read the request and may have begun to compute: the input is charged
        line.write(|it| (it.outcome, it.status) = (Outcome::Broken, 0));
        sleep(Duration::from_millis(ms.min(STALL_MS_MAX))).await;
        return Err(Refusal::new(504, "The upstream did not answer in time."));
    }
    let plan = Plan::new(
        frames(dialect, &performance, asked.stream),
        fault,
        error_frame(dialect, fault),
        selected.step,
    );
    Ok(Ready {
        dialect,
        performance,
        plan,
        stream: asked.stream,
        permit,
    })
}

impl Ready {
    fn respond(self, line: OpenLine, now_unix_ms: i64) -> Response {
        let thinking_tokens = self.performance.billed.thinking;
        let mut response = Response::new(self.plan.into_body(line, thinking_tokens, self.permit));
        let headers = response.headers_mut();
        let kind = if self.stream {
            "text/event-stream; charset=utf-8"
        } else {
            "application/json"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let request_id = format!("req_{}", self.performance.id);
        let rates = limits(self.dialect, false, None, now_unix_ms);
        for (name, value) in rates.into_iter().chain(identity(self.dialect, &request_id)) {
            if let Ok(value) = value.parse() {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

fn frames(dialect: Dialect, performance: &Performance, stream: bool) -> Vec<Frame> {
    match (dialect, stream) {
        (Dialect::OpenAi, true) => openai::frames(performance),
        (Dialect::Anthropic, true) => anthropic::frames(performance),
        (_, false) => {
            let body = match dialect {
                Dialect::OpenAi => openai::whole(performance),
                Dialect::Anthropic => anthropic::whole(performance),
            };
            vec![Frame {
                bytes: body.to_string().into_bytes(),
                output_tokens: 0,
            }]
        }
    }
}

fn error_frame(dialect: Dialect, fault: &Fault) -> Frame {
    let mut refusal = Refusal::new(529, words(529));
    if let Fault::ErrorEvent { kind, .. } = fault {
        refusal.kind = Some(kind.clone());
    }
    match dialect {
        Dialect::OpenAi => openai::error_frame(&refusal),
        Dialect::Anthropic => anthropic::error_frame(&refusal),
    }
}

/// Input is charged once it was accepted; the output of a whole answer too, as it is already made.
fn charge_input(line: &OpenLine, performance: &Performance, stream: bool) {
    let (billed, reported) = (performance.billed, performance.reported);
    line.write(|it| {
        it.status = 200;
        it.input_tokens = billed.input;
        it.cache_read_tokens = billed.cache_read;
        it.cache_write_tokens = billed.cache_write;
        it.output_tokens = if stream { 0 } else { billed.output };
        it.reported_input_tokens = reported.input;
        it.reported_output_tokens = reported.output;
    });
}

fn refuse(fault: &Fault) -> Result<(), Refusal> {
    let Fault::Status {
        status,
        retry_after_ms,
        kind,
        message,
    } = fault
    else {
        return Ok(());
    };
    let message = message.clone().unwrap_or_else(|| words(*status).to_owned());
    Err(Refusal {
        kind: kind.clone(),
        retry_after_ms: *retry_after_ms,
        ..Refusal::new(*status, message)
    })
}

fn check_key(dialect: Dialect, script: &Script, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(expected) = &script.key else {
        return Ok(());
    };
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let shown = match dialect {
        Dialect::OpenAi => bearer,
        Dialect::Anthropic => text(HeaderName::from_static("x-api-key")).or(bearer),
    };
    match shown {
        Some(key) if key == expected => Ok(()),
        Some(_) if dialect == Dialect::Anthropic => Err(Refusal::new(401, "invalid x-api-key")),
        Some(_) => Err(Refusal::new(401, words(401))),
        None => Err(Refusal::new(401, "You didn't provide an API key.")),
    }
}

async fn read_body(request: Request) -> Result<Value, Refusal> {
    let bytes = to_bytes(request.into_body(), REQUEST_BYTES_MAX)
        .await
        .map_err(|_| {
            Refusal::new(
                413,
                format!("Request exceeds the maximum size of {REQUEST_BYTES_MAX} bytes"),
            )
        })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(
            400,
            format!("We could not parse the JSON body of your request: {error}"),
        )
    })
}

fn call_id_of(headers: &HeaderMap) -> String {
    let id = headers
        .get("idempotency-key")
        .and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

fn json_response(body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The only clock of this crate.
fn now_unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
