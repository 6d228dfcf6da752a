//! `aiex show context [TEXT]`

use crate::args::ShowContext;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::{Invocation, block_on};
use crate::present::table::table;
use crate::turn::send_sources;
use aiex_proto::v1::{ShowContextReply, ShowContextRequest};
use serde_json::json;

pub(super) fn run(invocation: &Invocation, args: ShowContext) -> Result<Exit, Error> {
    let workplace = invocation.workplace()?;
    let settings = invocation.settings(args.turn.model.as_deref())?;
    // Without any session the cluster itemises what a first turn would contain.
    let session_id = match (&invocation.global.session, workplace.state.last_session()) {
        (None, None) => String::new(),
        _ => invocation.session_id(None)?,
    };
    let route = invocation.route(&settings)?;
    let reply = block_on(async {
        let client = route.connect().await?;
        let workspace_id = send_sources(&client, &workplace, &invocation.output).await?;
        let request = ShowContextRequest {
            session_id,
            prompt: args.text.unwrap_or_default(),
            workspace_id,
            model: settings.model.clone().unwrap_or_default(),
        };
        Ok(client.show_context(request).await?)
    })?;
    invocation.output.rest();
    invocation.output.either(&document(&reply), |theme| {
        let rows: Vec<[String; 4]> = reply
            .items
            .iter()
            .map(|item| {
                [
                    item.tokens.to_string(),
                    item.kind.clone(),
                    item.source.clone(),
                    item.reason.clone(),
                ]
            })
            .collect();
        format!(
            "{}\n\n{} of {} tokens, counted with {}",
            table(["TOKENS", "KIND", "SOURCE", "WHY"], &rows, "nothing", theme),
            reply.total_tokens,
            reply.budget_tokens,
            reply.tokenizer
        )
    })?;
    Ok(Exit::Done)
}

fn document(reply: &ShowContextReply) -> serde_json::Value {
    let items: Vec<_> = reply
        .items
        .iter()
        .map(|item| json!({"kind": item.kind, "source": item.source, "reason": item.reason, "tokens": item.tokens}))
        .collect();
    json!({
        "items": items, "total_tokens": reply.total_tokens, "budget_tokens": reply.budget_tokens,
        "tokenizer": reply.tokenizer,
    })
}
