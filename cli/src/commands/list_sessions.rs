//! `aiex list sessions`

use super::documents;
use crate::args::ListSessions;
use crate::environment::time_zone;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::{table, time};
use crate::project::Project;
use aiex_proto::v1::ListSessionsRequest;
use serde_json::json;

pub(super) fn run(invocation: &Invocation, args: &ListSessions) -> Result<Exit, Error> {
    let project = if args.everywhere {
        String::new()
    } else {
        Project::find(&invocation.environment)?.name
    };
    let request = ListSessionsRequest {
        include_archived: args.archived,
        limit: args.limit,
        project: project.clone(),
    };
    let sessions = invocation
        .call(async |client| Ok(client.list(request).await?))?
        .sessions;
    let document = json!({"sessions": sessions.iter().map(documents::session).collect::<Vec<_>>()});
    invocation.output.either(&document, |theme| {
        let zone = time_zone();
        let rows: Vec<[String; 5]> = sessions
            .iter()
            .map(|session| {
                [
                    session.session_id.clone(),
                    session.state.clone(),
                    session.turns.to_string(),
                    time(session.updated_unix_ms, &zone),
                    session.title.clone(),
                ]
            })
            .collect();
        let empty = match project.as_str() {
            "" => "no sessions".to_owned(),
            project => format!("no sessions of {project}"),
        };
        table(
            ["SESSION", "STATE", "TURNS", "CHANGED", "TITLE"],
            &rows,
            &empty,
            theme,
        )
    })?;
    Ok(Exit::Done)
}
