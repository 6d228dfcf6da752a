//! `aiex list tokens`

use super::documents;
use crate::environment::time_zone;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::{table, time};
use aiex_proto::v1::ListTokensRequest;
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let tokens = invocation
        .call(async |client| Ok(client.list_tokens(ListTokensRequest {}).await?))?
        .tokens;
    let document = json!({"tokens": tokens.iter().map(documents::token).collect::<Vec<_>>()});
    invocation.output.either(&document, |theme| {
        let zone = time_zone();
        let rows: Vec<[String; 6]> = tokens
            .iter()
            .map(|token| {
                let expires = if token.revoked {
                    "revoked".to_owned()
                } else {
                    time(token.expires_unix_ms, &zone)
                };
                [
                    token.token_id.clone(),
                    token.user.clone(),
                    token.roles.join(","),
                    time(token.created_unix_ms, &zone),
                    expires,
                    token.label.clone(),
                ]
            })
            .collect();
        table(
            ["TOKEN", "USER", "ROLES", "CREATED", "EXPIRES", "LABEL"],
            &rows,
            "no tokens",
            theme,
        )
    })?;
    Ok(Exit::Done)
}
