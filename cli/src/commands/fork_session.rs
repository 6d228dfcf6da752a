//! `aiex fork session [ID]`

use super::documents;
use crate::args::ForkSession;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::v1::ForkSessionRequest;
use uuid::Uuid;

pub(super) fn run(invocation: &Invocation, args: ForkSession) -> Result<Exit, Error> {
    let session_id = invocation.session_id(args.session.id.as_deref())?;
    let request = ForkSessionRequest {
        request_id: Uuid::now_v7().hyphenated().to_string(),
        session_id,
        at_seq: args.at,
        title: args.title,
    };
    let fork = invocation.call(async |client| Ok(client.fork(request).await?))?;
    invocation
        .output
        .either(&documents::session(&fork), |_| fork.session_id.clone())?;
    invocation.output.note(&format!(
        "go on in it with: aiex ask --session {} TEXT",
        fork.session_id
    ));
    Ok(Exit::Done)
}
