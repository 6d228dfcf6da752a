//! `aiex create token`

use super::documents;
use crate::args::CreateToken;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::v1::{CreateTokenRequest, WhoAmIRequest};
use serde_json::json;
use uuid::Uuid;

pub(super) fn run(invocation: &Invocation, args: CreateToken) -> Result<Exit, Error> {
    let reply = invocation.call(async |client| {
        let user = match args.user {
            Some(user) => user,
            None => client.who_am_i(WhoAmIRequest {}).await?.user,
        };
        let request = CreateTokenRequest {
            request_id: Uuid::now_v7().hyphenated().to_string(),
            user,
            roles: args.roles,
            label: args.label,
            lifetime_ms: args.expires_in.unwrap_or(0),
        };
        Ok(client.create_token(request).await?)
    })?;
    let info = reply.info.unwrap_or_default();
    let document = json!({"token": reply.token, "info": documents::token(&info)});
    invocation
        .output
        .either(&document, |_| reply.token.clone())?;
    invocation.output.note(&format!(
        "token {} for {} ({}); it is shown this once",
        info.token_id,
        info.user,
        info.roles.join(", ")
    ));
    Ok(Exit::Done)
}
