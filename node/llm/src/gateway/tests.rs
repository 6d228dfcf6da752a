//! The gateway over providers that play a list of outcomes, in virtual time.

use super::*;
use crate::config::{ProviderConfig, RouteConfig};
use crate::error::Stage;
use crate::stream::{Reply, StreamEvent};
use aiex_session::{StopReason, Task, Usage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What a played attempt does.
#[derive(Clone)]
pub(super) enum Play {
    Answer,
    Refuse(ErrorKind),
    /// Fails after its first output.
    Break,
    /// Ends without a last event after its first output.
    Vanish,
    /// Never says anything.
    Hang,
}

pub(super) struct Player {
    name: String,
    plays: Mutex<VecDeque<Play>>,
    asked_at: Mutex<Vec<Instant>>,
}

impl Player {
    pub(super) fn new(name: &str, plays: &[Play]) -> Arc<Self> {
        let plays = Mutex::new(plays.iter().cloned().collect());
        Arc::new(Self {
            name: name.to_owned(),
            plays,
            asked_at: Mutex::default(),
        })
    }

    fn asked(&self) -> usize {
        self.asked_at.lock().unwrap().len()
    }
}

pub(super) fn reply(provider: &str, model: &str) -> Reply {
    Reply {
        provider: provider.to_owned(),
        model: model.to_owned(),
        content: Vec::new(),
        stop: StopReason::EndTurn,
        usage: Usage::default(),
    }
}

impl Provider for Player {
    fn name(&self) -> &str {
        &self.name
    }

    fn call(
        &self,
        model: &str,
        _: &ModelRequest,
    ) -> BoxFuture<'static, Result<ReplyStream, Error>> {
        self.asked_at.lock().unwrap().push(Instant::now());
        let play = self
            .plays
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Play::Answer);
        let hi = Ok(StreamEvent::TextDelta("hi".into()));
        let finished = Ok(StreamEvent::Finished(reply(&self.name, model)));
        async move {
            match play {
                Play::Answer => Ok(stream::iter([hi, finished]).boxed()),
                Play::Refuse(kind) => Err(Error::new(kind, "played")),
                Play::Break => {
                    Ok(stream::iter([hi, Err(Error::new(ErrorKind::Cut, "played"))]).boxed())
                }
                Play::Vanish => Ok(stream::iter([hi]).boxed()),
                Play::Hang => Ok(stream::pending().boxed()),
            }
        }
        .boxed()
    }
}

pub(super) fn gateway_of(config: Config, players: &[&Arc<Player>]) -> Gateway {
    let targets = players
        .iter()
        .map(|player| format!("{}/m", player.name))
        .collect();
    let route = vec![RouteConfig {
        model: "large".into(),
        targets,
    }];
    let provider = if config.provider.is_empty() {
        players
            .iter()
            .map(|it| ProviderConfig::new(&it.name, Dialect::Openai, "http://h"))
            .collect()
    } else {
        config.provider.clone()
    };
    let providers = players
        .iter()
        .map(|player| Arc::clone(player) as Arc<dyn Provider>)
        .collect();
    Gateway::with_providers(
        Config {
            provider,
            route,
            ..config
        },
        providers,
    )
    .unwrap()
}

pub(super) fn request() -> ModelRequest {
    ModelRequest {
        model: String::new(),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        output_tokens_max: 100,
        temperature: None,
        call_id: "call-1".into(),
        task: Task::Ask { text: "x".into() },
        workspace_id: String::new(),
    }
}

/// Calls and reads to the end; gives the provider that answered, or the error.
async fn ask(gateway: &Gateway) -> Result<String, Error> {
    let mut stream = gateway.call(request()).await?;
    let mut last = None;
    while let Some(event) = stream.next().await {
        assert!(last.is_none(), "something came after the end");
        match event? {
            StreamEvent::Finished(reply) => last = Some(reply.provider),
            StreamEvent::TextDelta(_) => {}
            other => panic!("not played: {other:?}"),
        }
    }
    Ok(last.expect("a stream ends with Finished or an error"))
}

const SERVER: Play = Play::Refuse(ErrorKind::Server);

fn paused(retry_after_ms: u64) -> Play {
    Play::Refuse(ErrorKind::RateLimited {
        retry_after_ms: Some(retry_after_ms),
    })
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_output_goes_to_the_next_target_at_once() {
    let (a, b) = (Player::new("a", &[SERVER]), Player::new("b", &[]));
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    let started = Instant::now();
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!((a.asked(), b.asked()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_first_output_is_given_to_the_caller() {
    for play in [Play::Break, Play::Vanish] {
        let (a, b) = (Player::new("a", &[play]), Player::new("b", &[]));
        let gateway = gateway_of(Config::default(), &[&a, &b]);
        let error = ask(&gateway).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cut);
        assert_eq!(error.target, "a/m");
        assert_eq!(
            b.asked(),
            0,
            "another provider must not continue the answer"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_target_is_asked_again_after_a_backoff() {
    let a = Player::new("a", &[SERVER, SERVER]);
    let gateway = gateway_of(Config::default(), &[&a]);
    let started = Instant::now();
    assert_eq!(ask(&gateway).await.unwrap(), "a");
    let waited = started.elapsed().as_millis();
    assert!((375 + 750..=500 + 1_000).contains(&waited), "{waited}");
    assert_eq!(a.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_over_all_targets() {
    let (a, b) = (
        Player::new("a", &[SERVER, SERVER, SERVER]),
        Player::new("b", &[SERVER, SERVER]),
    );
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    assert_eq!(ask(&gateway).await.unwrap_err().kind, ErrorKind::Server);
    assert_eq!(a.asked() + b.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_is_asked_once() {
    for kind in [ErrorKind::BadRequest, ErrorKind::ContextTooLong] {
        let (a, b) = (
            Player::new("a", &[Play::Refuse(kind.clone())]),
            Player::new("b", &[]),
        );
        let gateway = gateway_of(Config::default(), &[&a, &b]);
        assert_eq!(ask(&gateway).await.unwrap_err().kind, kind);
        assert_eq!((a.asked(), b.asked()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_honoured_to_the_millisecond_and_is_no_failure() {
    let a = Player::new("a", &[paused(1_234), paused(1_234)]);
    let config = Config {
        breaker: crate::BreakerConfig {
            consecutive_failures: 1,
            ..Default::default()
        },
        ..Config::default()
    };
    let gateway = gateway_of(config, &[&a]);
    let started = Instant::now();
    assert_eq!(ask(&gateway).await.unwrap(), "a");
    assert_eq!(started.elapsed().as_millis(), 2_468);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_for_other_calls_too() {
    let (a, b) = (Player::new("a", &[paused(5_000)]), Player::new("b", &[]));
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!(a.asked(), 1);
    tokio::time::advance(Duration::from_millis(5_000)).await;
    assert_eq!(ask(&gateway).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_too_long_is_told_with_the_true_wait() {
    let a = Player::new("a", &[paused(60_000)]);
    let gateway = gateway_of(Config::default(), &[&a]);
    let started = Instant::now();
    let error = ask(&gateway).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::RateLimited {
            retry_after_ms: Some(60_000)
        }
    );
    assert_eq!(started.elapsed(), Duration::ZERO);
    tokio::time::advance(Duration::from_millis(10_000)).await;
    assert_eq!(
        ask(&gateway).await.unwrap_err().retry_after_ms(),
        Some(50_000)
    );
    assert_eq!(a.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_left_alone() {
    let (a, b) = (
        Player::new("a", &[Play::Refuse(ErrorKind::Auth)]),
        Player::new("b", &[]),
    );
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!((a.asked(), b.asked()), (1, 2));

    let alone = Player::new("a", &[Play::Refuse(ErrorKind::Auth)]);
    let gateway = gateway_of(Config::default(), &[&alone]);
    assert_eq!(
        ask(&gateway).await.unwrap_err().kind,
        ErrorKind::Auth,
        "the reason is told"
    );
}

#[tokio::test(start_paused = true)]
async fn a_breaker_spares_a_failing_target_and_probes_it_later() {
    let (a, b) = (Player::new("a", &vec![SERVER; 5]), Player::new("b", &[]));
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    for _ in 0..8 {
        assert_eq!(ask(&gateway).await.unwrap(), "b");
    }
    assert_eq!(a.asked(), 5, "five failures open it");
    tokio::time::advance(Duration::from_millis(16_500)).await;
    for _ in 0..5 {
        assert_eq!(ask(&gateway).await.unwrap(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_without_alternative_is_told_with_its_wait() {
    let a = Player::new("a", &vec![SERVER; 5]);
    let retry = crate::RetryConfig {
        attempts_max: 1,
        wait_max_ms: 1_000,
        ..Default::default()
    };
    let gateway = gateway_of(
        Config {
            retry,
            ..Config::default()
        },
        &[&a],
    );
    for _ in 0..5 {
        assert_eq!(ask(&gateway).await.unwrap_err().kind, ErrorKind::Server);
    }
    let error = ask(&gateway).await.unwrap_err();
    assert!(
        matches!(
            error.kind,
            ErrorKind::Unavailable {
                retry_after_ms: 15_000..=16_500
            }
        ),
        "{error:?}"
    );
    assert_eq!(a.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_call_counts_neither_way() {
    let a = Player::new("a", &[]);
    let gateway = gateway_of(Config::default(), &[&a]);
    for _ in 0..20 {
        let stream = gateway.call(request()).await.unwrap();
        drop(stream);
    }
    assert_eq!(ask(&gateway).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn retries_have_a_budget_over_all_calls() {
    let a = Player::new("a", &vec![SERVER; 1_000]);
    let retry = crate::RetryConfig {
        budget_percent: 0,
        budget_burst: 3,
        ..Default::default()
    };
    let breaker = crate::BreakerConfig {
        consecutive_failures: 1_000,
        window_calls_min: 256,
        ..Default::default()
    };
    let gateway = gateway_of(
        Config {
            retry,
            breaker,
            ..Config::default()
        },
        &[&a],
    );
    for _ in 0..20 {
        assert_eq!(ask(&gateway).await.unwrap_err().kind, ErrorKind::Server);
    }
    assert_eq!(a.asked(), 20 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_says_nothing_is_given_up_and_the_next_is_asked() {
    let (a, b) = (Player::new("a", &[Play::Hang]), Player::new("b", &[]));
    let gateway = gateway_of(Config::default(), &[&a, &b]);
    let started = Instant::now();
    assert_eq!(ask(&gateway).await.unwrap(), "b");
    assert_eq!(started.elapsed().as_millis(), 120_000);
}

#[tokio::test(start_paused = true)]
async fn the_whole_call_has_a_limit() {
    let a = Player::new("a", &[Play::Hang]);
    let timeouts = crate::TimeoutConfig {
        total_ms: 700,
        ..Default::default()
    };
    let gateway = gateway_of(
        Config {
            timeouts,
            ..Config::default()
        },
        &[&a],
    );
    let error = ask(&gateway).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Timeout {
            stage: Stage::Total
        }
    );
    assert!(error.possibly_billed);
}

#[tokio::test(start_paused = true)]
async fn requests_per_minute_hold_back_and_spill_over() {
    let (a, b) = (Player::new("a", &[]), Player::new("b", &[]));
    let slow = ProviderConfig {
        requests_per_minute: Some(2),
        ..ProviderConfig::new("a", Dialect::Openai, "http://h")
    };
    let config = Config {
        provider: vec![
            slow.clone(),
            ProviderConfig::new("b", Dialect::Openai, "http://h"),
        ],
        ..Config::default()
    };
    let gateway = gateway_of(config, &[&a, &b]);
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(ask(&gateway).await.unwrap());
    }
    assert_eq!(answered, ["a", "a", "b", "b"]);

    let alone = gateway_of(
        Config {
            provider: vec![slow],
            ..Config::default()
        },
        &[&a],
    );
    ask(&alone).await.unwrap();
    ask(&alone).await.unwrap();
    let error = ask(&alone).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::RateLimited {
            retry_after_ms: Some(30_000)
        }
    );
}

/// Callers run calls in tasks of their own.
#[test]
fn a_call_can_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let a = Player::new("a", &[]);
    let gateway = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async { gateway_of(Config::default(), &[&a]) });
    movable(&gateway.call(request()));
}
