//! `aiex resume session [ID]`

use super::show_session;
use crate::args::ResumeSession;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::turn;
use aiex_proto::v1::GetSessionRequest;

/// Finishes the turn that runs, with this project's tools; prints the conversation when none does.
pub(super) fn run(invocation: &Invocation, args: &ResumeSession) -> Result<Exit, Error> {
    let session_id = invocation.session_id(args.session.id.as_deref())?;
    let request = GetSessionRequest {
        session_id: session_id.clone(),
        include_events: true,
        ..Default::default()
    };
    let detail = invocation.call(async |client| Ok(client.get(request).await?))?;
    let state = detail
        .summary
        .as_ref()
        .map(|summary| summary.state.clone())
        .unwrap_or_default();
    if matches!(state.as_str(), "running" | "waiting") {
        return turn::resume(invocation, detail, args.change);
    }
    show_session::print(invocation, &detail, false)?;
    // Only a session of this project becomes the one that --continue and undo mean.
    let workplace = invocation.workplace()?;
    if detail
        .summary
        .is_some_and(|summary| summary.project == workplace.project.name)
    {
        workplace.state.remember_session(&session_id)?;
        if state != "archived" {
            invocation
                .output
                .note("no turn is running; go on with: aiex ask --continue TEXT");
        }
    }
    Ok(Exit::Done)
}
