//! Identity first: no call reaches a service, reflection or health without a believed token.
//!
//! Stands before everything but the trace because limits, audit and permission all need to know who calls.

use crate::convert::error::Refusal;
use crate::tokens::TokenDirectory;
use aiex_proto::code::ErrorCode;
use aiex_security::{Action, Principal, ceiling};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use std::sync::Arc;
use tonic::Status;

/// Prefixes of infrastructure calls that any known caller may make.
const OPEN_TO_ALL_CALLERS: [&str; 2] = ["/grpc.reflection.", "/grpc.health."];

/// Believes the caller or answers in the caller's protocol.
pub(crate) async fn authenticate(
    State(tokens): State<Arc<TokenDirectory>>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&tokens, request.uri().path(), request.headers()).await {
        Ok(principal) => {
            tracing::Span::current().record("user", &principal.user);
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => Status::from(refusal).into_http(),
    }
}

async fn admit(
    tokens: &TokenDirectory,
    path: &str,
    headers: &HeaderMap,
) -> Result<Principal, Refusal> {
    let token = bearer(headers)?;
    let principal = tokens.authenticate(token).await?;
    if OPEN_TO_ALL_CALLERS
        .iter()
        .any(|prefix| path.starts_with(prefix))
    {
        return Ok(principal);
    }
    let action = Action::of_rpc(path).ok_or_else(|| {
        Refusal::new(
            ErrorCode::NotFound,
            format!("there is no call {path}"),
            "the client may be newer than the node; upgrade the node",
        )
    })?;
    ceiling(&principal, action)?;
    Ok(principal)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let header = headers
        .get(http::header::AUTHORIZATION)
        .ok_or_else(|| missing("the call carries no token"))?;
    let text = header
        .to_str()
        .map_err(|_| missing("the authorization header is not text"))?;
    text.strip_prefix("Bearer ")
        .or_else(|| text.strip_prefix("bearer "))
        .ok_or_else(|| missing("the authorization header is not `Bearer TOKEN`"))
}

fn missing(message: &str) -> Refusal {
    Refusal::new(
        ErrorCode::Unauthenticated,
        message,
        "set AIEX_TOKEN; an administrator makes one with: aiex create token",
    )
}
