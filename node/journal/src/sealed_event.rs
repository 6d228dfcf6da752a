//! One event as its shard stores it: compressed, sealed to its place, small.
//!
//! Everything is inside the seal, the event's type and time included. What is large stands in the blob
//! store under the hash of its sealed bytes; the map from plain to sealed hash is inside the seal too.

use crate::error::Error;
use crate::key_ring::SessionKeys;
use aiex_session::{Content, Event, Recorded, Seq, SessionId, decode, encode};
use serde::{Deserialize, Serialize};

/// Payloads below this gain nothing from compression.
const COMPRESS_BYTES_MIN: usize = 256;
const ZSTD_LEVEL: i32 = 3;
/// Largest plain payload that is read back; a bound against damaged lengths.
const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// Address of a blob: BLAKE3 of its sealed bytes.
pub(crate) type Address = [u8; 32];

/// How a record stands in the shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Here(Vec<u8>),
    /// The sealed bytes are a blob.
    There(Address),
}

/// What is inside the seal.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed<'a> {
    at_unix_ms: i64,
    actor: &'a str,
    event_type: &'a str,
    schema_version: u32,
    compressed: bool,
    payload: &'a [u8],
    /// Plain hash and address of each content that was moved out.
    blobs: Vec<Moved>,
}

/// A content in the blob store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) plain: [u8; 32],
    pub(crate) address: Address,
}

/// An event whose contents may still be in the blob store.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) recorded: Recorded,
    pub(crate) blobs: Vec<Moved>,
}

/// An event on its way in, its large contents moved out already.
pub(crate) struct Outgoing<'a> {
    pub(crate) event: &'a Event,
    pub(crate) blobs: Vec<Moved>,
    pub(crate) at_unix_ms: i64,
    pub(crate) actor: &'a str,
}

/// Seals an event to its number.
pub(crate) fn seal(keys: &SessionKeys, seq: Seq, out: &Outgoing<'_>) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Seal(error.to_string());
    let plain = encode(out.event).map_err(|e| failed(&e))?;
    let packed = match plain.len() >= COMPRESS_BYTES_MIN {
        true => Some(zstd::bulk::compress(&plain, ZSTD_LEVEL).map_err(|e| failed(&e))?),
        false => None,
    };
    let smaller = packed.filter(|packed| packed.len() < plain.len());
    let sealed = Sealed {
        at_unix_ms: out.at_unix_ms,
        actor: out.actor,
        event_type: out.event.event_type(),
        schema_version: out.event.schema_version(),
        compressed: smaller.is_some(),
        payload: smaller.as_deref().unwrap_or(&plain),
        blobs: out.blobs.clone(),
    };
    let bytes = postcard::to_allocvec(&sealed).map_err(|e| failed(&e))?;
    keys.seal(&place(seq), &bytes)
}

/// Opens what [`seal`] sealed to the same number.
pub(crate) fn open(keys: &SessionKeys, seq: Seq, sealed: &[u8]) -> Result<Opened, Error> {
    let session = keys.session();
    let damaged = |reason: String| Error::damaged(session, format!("event {seq}"), reason);
    let bytes = keys
        .open(&place(seq), sealed)
        .map_err(|e| damaged(e.to_string()))?;
    let sealed: Sealed<'_> =
        postcard::from_bytes(&bytes).map_err(|error| damaged(error.to_string()))?;
    let expanded = match sealed.compressed {
        true => {
            let plain = zstd::bulk::decompress(sealed.payload, PAYLOAD_BYTES_MAX);
            Some(plain.map_err(|error| damaged(error.to_string()))?)
        }
        false => None,
    };
    let payload = expanded.as_deref().unwrap_or(sealed.payload);
    let event = decode(sealed.event_type, sealed.schema_version, payload)
        .map_err(|error| damaged(error.to_string()))?;
    let recorded = Recorded {
        seq,
        at_unix_ms: sealed.at_unix_ms,
        actor: sealed.actor.to_owned(),
        event,
    };
    let blobs = sealed.blobs;
    Ok(Opened { recorded, blobs })
}

/// The place a moved content has in the blob store, if the event names it.
pub(crate) fn address_of(
    session: SessionId,
    seq: Seq,
    content: &Content,
    blobs: &[Moved],
) -> Result<Option<Moved>, Error> {
    let Content::Blob { hash, .. } = content else {
        return Ok(None);
    };
    let moved = blobs.iter().find(|moved| hex(&moved.plain) == *hash);
    match moved {
        Some(moved) => Ok(Some(*moved)),
        None => Err(Error::damaged(
            session,
            format!("event {seq}"),
            format!("it does not say where content {hash} is"),
        )),
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn place(seq: Seq) -> Vec<u8> {
    [b"event".as_slice(), &seq.to_be_bytes()].concat()
}
