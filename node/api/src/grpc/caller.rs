//! Who makes a call, as the authentication layer left it.

use crate::convert::error::Refusal;
use aiex_proto::code::ErrorCode;
use aiex_security::{Marker, Permit, Principal, authorize};
use aiex_session::SessionId;
use tonic::Request;

/// The permit for one action of the caller.
pub(crate) fn permit<A: Marker, T>(request: &Request<T>, action: A) -> Result<Permit<A>, Refusal> {
    let principal = request.extensions().get::<Principal>().ok_or_else(|| {
        Refusal::new(
            ErrorCode::Unauthenticated,
            "the call carries no identity",
            "set AIEX_TOKEN; an administrator makes one with: aiex create token",
        )
    })?;
    Ok(authorize(principal, action)?)
}

/// Reads a session id from a request.
pub(crate) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    text.parse().map_err(|_| {
        Refusal::invalid(
            format!("{text:?} is not a session id"),
            "list the sessions with: aiex list sessions",
        )
    })
}

/// The id of something a repeatable request makes: the same request id gives the same id.
///
/// # Errors
/// When the request id is missing.
pub(crate) fn derived_session_id(user: &str, request_id: &str) -> Result<SessionId, Refusal> {
    if request_id.is_empty() {
        return Err(Refusal::invalid(
            "the request id is missing",
            "send a fresh UUID with each new request",
        ));
    }
    if let Ok(uuid) = uuid::Uuid::parse_str(request_id)
        && uuid.get_version_num() == 7
    {
        return Ok(SessionId::from_uuid(uuid));
    }
    let digest = blake3::hash(format!("{user}/{request_id}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    Ok(SessionId::from_uuid(
        uuid::Builder::from_custom_bytes(bytes).into_uuid(),
    ))
}
