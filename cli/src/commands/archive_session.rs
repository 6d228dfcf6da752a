//! `aiex archive session [ID]`

use super::documents;
use crate::args::SessionId;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::v1::ArchiveSessionRequest;
use uuid::Uuid;

pub(super) fn run(invocation: &Invocation, args: &SessionId) -> Result<Exit, Error> {
    let session_id = invocation.session_id(args.id.as_deref())?;
    let request = ArchiveSessionRequest {
        request_id: Uuid::now_v7().hyphenated().to_string(),
        session_id,
    };
    let archived = invocation.call(async |client| Ok(client.archive(request).await?))?;
    invocation
        .output
        .either(&documents::session(&archived), |_| {
            format!("archived {}", archived.session_id)
        })?;
    Ok(Exit::Done)
}
