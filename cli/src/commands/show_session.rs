//! `aiex show session [ID]`

use super::documents::{self, embedded};
use crate::args::ShowSession;
use crate::environment::time_zone;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::{pairs, time};
use crate::present::transcript::{event_list, transcript};
use aiex_proto::v1::{GetSessionRequest, SessionDetail};
use serde_json::{Value, json};

pub(super) fn run(invocation: &Invocation, args: &ShowSession) -> Result<Exit, Error> {
    let session_id = invocation.session_id(args.session.id.as_deref())?;
    let request = GetSessionRequest {
        session_id,
        at_seq: args.at,
        at_unix_ms: 0,
        include_events: true,
    };
    let detail = invocation.call(async |client| Ok(client.get(request).await?))?;
    print(invocation, &detail, args.events)?;
    Ok(Exit::Done)
}

/// Prints a session: its heading and conversation, or its events.
pub(super) fn print(
    invocation: &Invocation,
    detail: &SessionDetail,
    events: bool,
) -> Result<(), Error> {
    invocation
        .output
        .either(&document(detail, events), |theme| {
            let zone = time_zone();
            let summary = detail.summary.clone().unwrap_or_default();
            let rows = [
                ("session", summary.session_id),
                ("title", summary.title),
                ("project", summary.project),
                ("owner", summary.owner),
                ("state", summary.state),
                ("changed", time(summary.updated_unix_ms, &zone)),
                ("events", summary.head_seq.to_string()),
                ("forked from", summary.parent_session_id),
            ];
            let rows: Vec<_> = rows
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect();
            let body = if events {
                event_list(&detail.events, &zone, theme)
            } else {
                transcript(&detail.events, theme)
            };
            format!("{}\n\n{body}", pairs(&rows, theme))
        })
}

fn document(detail: &SessionDetail, events: bool) -> Value {
    let mut document = json!({
        "session": detail.summary.as_ref().map(documents::session),
        "transcript": embedded(&detail.transcript_json),
        "usage": embedded(&detail.usage_json),
        "file_changes": embedded(&detail.file_changes_json),
    });
    if events {
        document["events"] = detail.events.iter().map(documents::event).collect();
    }
    document
}
