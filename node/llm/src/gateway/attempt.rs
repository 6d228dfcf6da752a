//! The loop of one call: pick, attempt, decide, until the commit point; then watch the stream.

use super::Inner;
use super::target::{Rest, Target, Ticket, lock};
use crate::breaker::scatter;
use crate::error::{Error, ErrorKind, Stage};
use crate::metrics;
use crate::request::ModelRequest;
use crate::retry::{Verdict, backoff_ms, verdict};
use crate::stream::{ReplyStream, StreamEvent};
use aiex_session::Usage;
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tokio::time::{sleep_until, timeout_at};

/// A target as this call sees it.
struct Candidate {
    target: Arc<Target>,
    /// Not to be asked again by this call.
    excluded: bool,
    /// Not to be asked again by this call before then.
    not_before_ms: u64,
    failures: u32,
}

/// What to do next.
enum Next {
    Attempt { index: usize, ticket: Ticket },
    Wait { until_ms: u64 },
    Fail(Error),
}

/// Runs attempts until one commits, or until no target, no budget or no time is left.
pub(super) async fn run(
    inner: &Arc<Inner>,
    targets: Vec<Arc<Target>>,
    request: ModelRequest,
) -> Result<ReplyStream, Error> {
    let seed = request
        .call_id
        .bytes()
        .fold(0, |seed, byte| scatter(seed ^ u64::from(byte)));
    let deadline_ms = inner
        .clock
        .now_ms()
        .saturating_add(inner.config.timeouts.total_ms);
    let mut candidates: Vec<Candidate> = targets
        .into_iter()
        .map(|target| Candidate {
            target,
            excluded: false,
            not_before_ms: 0,
            failures: 0,
        })
        .collect();
    let (mut attempts, mut last) = (0, None);
    lock(&inner.retries).deposit();
    loop {
        let now_ms = inner.clock.now_ms();
        let (index, ticket) = match next(inner, &candidates, last.as_ref(), now_ms, deadline_ms) {
            Next::Fail(error) => return Err(error),
            Next::Wait { until_ms } => {
                sleep_until(inner.clock.instant(until_ms)).await;
                continue;
            }
            Next::Attempt { index, ticket } => (index, ticket),
        };
        if attempts > 0 {
            if !lock(&inner.retries).withdraw() {
                return Err(last.unwrap_or_else(no_target));
            }
            ::metrics::counter!(metrics::RETRIES_TOTAL).increment(1);
        }
        attempts += 1;
        let candidate = &mut candidates[index];
        let error = match commit(inner, &candidate.target, ticket, &request, deadline_ms).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        tracing::debug!(target = %error.target, code = error.code(), attempts, "an attempt failed");
        let now_ms = inner.clock.now_ms();
        match verdict(&error) {
            Verdict::GiveUp => return Err(error),
            Verdict::Elsewhere | Verdict::Quarantine { .. } => candidate.excluded = true,
            Verdict::Pause { .. } => {}
            Verdict::Failed => {
                candidate.failures += 1;
                let asked_ms = error.retry_after_ms();
                let wait_ms = backoff_ms(&inner.config.retry, candidate.failures, seed, asked_ms);
                candidate.not_before_ms = now_ms.saturating_add(wait_ms);
            }
        }
        if attempts >= inner.config.retry.attempts_max || now_ms >= deadline_ms {
            return Err(error);
        }
        last = Some(error);
    }
}

/// The first target that may be asked now, else the shortest wait worth waiting for.
fn next(
    inner: &Inner,
    candidates: &[Candidate],
    last: Option<&Error>,
    now_ms: u64,
    deadline_ms: u64,
) -> Next {
    let mut soonest: Option<(u64, Rest)> = None;
    for (index, candidate) in candidates.iter().enumerate().filter(|(_, it)| !it.excluded) {
        let (mut wait_ms, mut rest) = candidate.target.wait(now_ms);
        let backoff_ms = candidate.not_before_ms.saturating_sub(now_ms);
        if backoff_ms > wait_ms {
            (wait_ms, rest) = (backoff_ms, Rest::Failing);
        }
        if wait_ms == 0 {
            match candidate.target.begin(now_ms) {
                Some(ticket) => return Next::Attempt { index, ticket },
                None => wait_ms = 1, // somebody was quicker
            }
        }
        if soonest.is_none_or(|(least_ms, _)| wait_ms < least_ms) {
            soonest = Some((wait_ms, rest));
        }
    }
    let Some((wait_ms, rest)) = soonest else {
        return Next::Fail(last.cloned().unwrap_or_else(no_target));
    };
    let until_ms = now_ms.saturating_add(wait_ms);
    if wait_ms <= inner.config.retry.wait_max_ms && until_ms < deadline_ms {
        return Next::Wait { until_ms };
    }
    Next::Fail(match rest {
        Rest::Limited => Error::new(
            ErrorKind::RateLimited {
                retry_after_ms: Some(wait_ms),
            },
            format!("every target of this model is at its rate limit for another {wait_ms} ms"),
        ),
        Rest::Failing => Error::new(
            ErrorKind::Unavailable {
                retry_after_ms: wait_ms,
            },
            match last {
                Some(last) => format!("every target of this model is resting; last: {last}"),
                None => "every target of this model is resting after failures".to_owned(),
            },
        ),
    })
}

fn no_target() -> Error {
    Error::new(
        ErrorKind::Unavailable { retry_after_ms: 0 },
        "this model has no target left to ask",
    )
}

/// One attempt up to its first output.
async fn commit(
    inner: &Arc<Inner>,
    target: &Arc<Target>,
    ticket: Ticket,
    request: &ModelRequest,
    deadline_ms: u64,
) -> Result<ReplyStream, Error> {
    let started_ms = inner.clock.now_ms();
    let patience_ms = inner.config.timeouts.first_output_ms;
    let until_ms = started_ms.saturating_add(patience_ms).min(deadline_ms);
    let first = async {
        let mut stream = target.provider.call(&target.model, request).await?;
        match stream.next().await {
            Some(Ok(event)) => Ok((event, stream)),
            Some(Err(error)) => Err(error),
            None => Err(Error::new(ErrorKind::Cut, "the answer ended before it began").billed()),
        }
    };
    let outcome = match timeout_at(inner.clock.instant(until_ms), first).await {
        Ok(outcome) => outcome,
        Err(_) if until_ms == deadline_ms => Err(out_of_time(inner).billed()),
        Err(_) => {
            let stage = Stage::FirstOutput;
            let message = format!("the model gave no output for {patience_ms} ms");
            Err(Error::new(ErrorKind::Timeout { stage }, message).billed())
        }
    };
    let now_ms = inner.clock.now_ms();
    match outcome {
        Err(error) => {
            let error = error.at(&target.name);
            settle(ticket, Some(&error), now_ms);
            if let Verdict::Pause { for_ms } | Verdict::Quarantine { for_ms } = verdict(&error) {
                target.pause(now_ms.saturating_add(for_ms));
            }
            Err(error)
        }
        Ok((event, rest)) => {
            let waited_ms = now_ms.saturating_sub(started_ms);
            ::metrics::histogram!(metrics::FIRST_OUTPUT_MS, "target" => target.name.clone())
                .record(waited_ms as f64);
            let watch = Watch {
                inner: Arc::clone(inner),
                rest,
                ticket: Some(ticket),
                held: Some(event),
                deadline_ms,
            };
            Ok(watch.into_stream())
        }
    }
}

/// Ends a ticket as the breaker should see it, and counts the attempt.
fn settle(ticket: Ticket, error: Option<&Error>, now_ms: u64) {
    let outcome = error.map_or("ok", Error::code);
    let target = ticket.name().to_owned();
    ::metrics::counter!(metrics::ATTEMPTS_TOTAL, "target" => target, "outcome" => outcome)
        .increment(1);
    match error.map(verdict) {
        None => ticket.succeeded(now_ms),
        Some(Verdict::Failed) => ticket.failed(now_ms),
        // neither health nor sickness: the ticket is dropped
        Some(_) => {}
    }
}

fn out_of_time(inner: &Inner) -> Error {
    let total_ms = inner.config.timeouts.total_ms;
    let message = format!("the call took more than {total_ms} ms");
    Error::new(
        ErrorKind::Timeout {
            stage: Stage::Total,
        },
        message,
    )
}

/// A committed answer on its way to the caller. Dropping it cancels the call.
struct Watch {
    inner: Arc<Inner>,
    rest: ReplyStream,
    /// Taken when the answer ended.
    ticket: Option<Ticket>,
    held: Option<StreamEvent>,
    deadline_ms: u64,
}

impl Watch {
    fn into_stream(self) -> ReplyStream {
        stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        self.ticket.as_ref()?; // ended
        let deadline = self.inner.clock.instant(self.deadline_ms);
        let event = match self.held.take() {
            Some(event) => Ok(event),
            None => match timeout_at(deadline, self.rest.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => {
                    let message = "the answer ended before the model finished";
                    Err(Error::new(ErrorKind::Cut, message).billed())
                }
                Err(_) => Err(out_of_time(&self.inner).billed()),
            },
        };
        let now_ms = self.inner.clock.now_ms();
        match event {
            Ok(StreamEvent::Finished(reply)) => {
                let ticket = self.ticket.take()?;
                count_tokens(ticket.name(), &reply.usage);
                settle(ticket, None, now_ms);
                Some(Ok(StreamEvent::Finished(reply)))
            }
            Ok(event) => Some(Ok(event)),
            Err(error) => {
                let ticket = self.ticket.take()?;
                let error = error.at(ticket.name());
                settle(ticket, Some(&error), now_ms);
                Some(Err(error))
            }
        }
    }
}

fn count_tokens(target: &str, usage: &Usage) {
    let figures = [
        ("input", usage.input_tokens),
        ("output", usage.output_tokens),
        ("cache_read", usage.cache_read_tokens),
        ("cache_write", usage.cache_write_tokens),
    ];
    for (direction, tokens) in figures {
        ::metrics::counter!(metrics::TOKENS_TOTAL, "target" => target.to_owned(), "direction" => direction)
            .increment(tokens);
    }
}
