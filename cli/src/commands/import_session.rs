//! `aiex import session FILE`

use super::documents;
use crate::args::ImportSession;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::DocumentChunk;
use bytes::Bytes;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest document.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;
/// Bytes after which a chunk ends, at the end of its line.
const CHUNK_BYTES: usize = 256 << 10;

pub(super) fn run(invocation: &Invocation, args: &ImportSession) -> Result<Exit, Error> {
    let document = if args.file == Path::new("-") {
        read(std::io::stdin(), &args.file)?
    } else {
        let path = invocation.environment.cwd.join(&args.file);
        let file = File::open(&path).map_err(|error| Error::file("read", &args.file, &error))?;
        read(file, &args.file)?
    };
    let chunks = chunks(&document);
    let summary = invocation.call(async |client| Ok(client.import(chunks).await?))?;
    invocation
        .output
        .either(&documents::session(&summary), |_| {
            summary.session_id.clone()
        })?;
    Ok(Exit::Done)
}

fn read(source: impl Read, shown: &Path) -> Result<Bytes, Error> {
    let mut document = Vec::new();
    source
        .take(DOCUMENT_BYTES_MAX + 1)
        .read_to_end(&mut document)
        .map_err(|error| Error::file("read", shown, &error))?;
    if document.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(Error::refused(
            ErrorCode::LimitReached,
            format!(
                "{} is larger than {DOCUMENT_BYTES_MAX} bytes",
                shown.display()
            ),
            "fork the session at an earlier event and export the fork",
        ));
    }
    if document.is_empty() {
        return Err(Error::refused(
            ErrorCode::InvalidArgument,
            format!("{} is empty", shown.display()),
            "write one with: aiex export session -o FILE",
        ));
    }
    Ok(document.into())
}

/// Splits at ends of lines; nothing is copied.
fn chunks(document: &Bytes) -> Vec<DocumentChunk> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for (place, _) in document
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
    {
        if place + 1 - start >= CHUNK_BYTES {
            chunks.push(DocumentChunk {
                data: document.slice(start..=place),
            });
            start = place + 1;
        }
    }
    if start < document.len() {
        chunks.push(DocumentChunk {
            data: document.slice(start..),
        });
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_lines_and_lose_nothing() {
        let line = format!("{}\n", "x".repeat(1_000));
        let document = Bytes::from(format!("{}no newline at the end", line.repeat(1_000)));
        let chunks = chunks(&document);
        assert!(chunks.len() > 2);
        let (last, whole) = chunks.split_last().expect("chunks");
        assert!(whole.iter().all(|chunk| chunk.data.ends_with(b"\n")));
        assert!(last.data.ends_with(b"end"));
        let joined: Vec<u8> = chunks
            .iter()
            .flat_map(|chunk| chunk.data.to_vec())
            .collect();
        assert_eq!(joined, document);
    }
}
