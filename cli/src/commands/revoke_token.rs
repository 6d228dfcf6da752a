//! `aiex revoke token ID`

use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::v1::RevokeTokenRequest;
use serde_json::json;

pub(super) fn run(invocation: &Invocation, token_id: String) -> Result<Exit, Error> {
    let request = RevokeTokenRequest {
        token_id: token_id.clone(),
    };
    invocation.call(async |client| Ok(client.revoke_token(request).await?))?;
    invocation
        .output
        .either(&json!({"revoked": token_id}), |_| {
            format!("revoked {token_id}")
        })?;
    Ok(Exit::Done)
}
