//! `aiex export session [ID] [-o FILE]`

use crate::args::ExportSession;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::code::ErrorCode;
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes the document to the file or to stdout. The document is NDJSON already, so `--json` changes only what is
/// said about a file.
pub(super) fn run(invocation: &Invocation, args: &ExportSession) -> Result<Exit, Error> {
    let session_id = invocation.session_id(args.session.id.as_deref())?;
    let Some(path) = &args.output else {
        export(invocation, &session_id, |chunk| {
            invocation.output.piece(chunk)
        })?;
        return Ok(Exit::Done);
    };
    let path = invocation.environment.cwd.join(path);
    let mut file = create(&path)?;
    let mut size_bytes = 0;
    let written = export(invocation, &session_id, |chunk| {
        size_bytes += chunk.len();
        file.write_all(chunk)
            .map_err(|error| Error::file("write", &path, &error))
    })
    .and_then(|()| {
        file.sync_all()
            .map_err(|error| Error::file("write", &path, &error))
    });
    if let Err(error) = written {
        // Half an export would look like a whole one.
        let _may_be_gone = fs::remove_file(&path);
        return Err(error);
    }
    let document = json!({"session_id": session_id, "file": path, "size_bytes": size_bytes});
    invocation.output.either(&document, |_| {
        format!("{} ({size_bytes} bytes)", path.display())
    })?;
    Ok(Exit::Done)
}

fn export(
    invocation: &Invocation,
    session_id: &str,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut failure = None;
    let exported = invocation.call(async |client| {
        let sink = |chunk: bytes::Bytes| {
            write(&chunk).map_err(|error| {
                failure = Some(error);
                aiex_client::Error::new(ErrorCode::Internal, "the export cannot be written", "")
            })
        };
        Ok(client.export(session_id.to_owned(), sink).await?)
    });
    failure.map_or(exported, Err)
}

fn create(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::refused(
            ErrorCode::Conflict,
            format!("{} exists", path.display()),
            "name another file, or remove this one first",
        ),
        _ => Error::file("create", path, &error),
    })
}
