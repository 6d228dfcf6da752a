//! Keys of sessions: made with the first event, unwrapped once, kept while they are used.
//!
//! A session's key record holds the wrapped key and, sealed by that key, a second one for digests: a
//! plain digest of a short event would let anybody who holds the disk test guesses at it.

use crate::entry::{from_bytes, to_bytes};
use crate::error::Error;
use aiex_security::{MasterKey, SessionSealer};
use aiex_session::{Event, SessionId, StoreError, request_digest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Most sessions whose keys are kept unwrapped.
const KEPT_KEYS_MAX: u64 = 10_000;
const DIGEST_KEY_PLACE: &[u8] = b"digest key";

/// The opened keys of one session.
#[derive(Debug)]
pub(crate) struct SessionKeys {
    session: SessionId,
    sealer: SessionSealer,
    digest_key: [u8; 32],
}

/// What the shard stores under the session's key.
#[derive(Serialize, Deserialize)]
struct KeyRecord<'a> {
    wrapped: &'a [u8],
    digest_key: &'a [u8],
}

/// The keys a node has opened.
#[derive(Debug)]
pub(crate) struct KeyRing {
    master: Arc<MasterKey>,
    opened: moka::sync::Cache<SessionId, Arc<SessionKeys>>,
}

impl KeyRing {
    pub(crate) fn new(master: Arc<MasterKey>) -> Self {
        Self {
            master,
            opened: moka::sync::Cache::new(KEPT_KEYS_MAX),
        }
    }

    /// The keys of a session, if they were opened before.
    pub(crate) fn opened(&self, session: SessionId) -> Option<Arc<SessionKeys>> {
        self.opened.get(&session)
    }

    /// Opens a stored key record and keeps the keys.
    pub(crate) fn open(
        &self,
        session: SessionId,
        record: &[u8],
    ) -> Result<Arc<SessionKeys>, Error> {
        let keys = Arc::new(self.unwrap(session, record)?);
        self.opened.insert(session, Arc::clone(&keys));
        Ok(keys)
    }

    /// Makes keys for a new session. They are not kept: another writer's may be the ones that count.
    pub(crate) fn create(&self, session: SessionId) -> Result<(Vec<u8>, SessionKeys), Error> {
        let failed = |error: aiex_security::Error| Error::Seal(error.to_string());
        let id = session.as_bytes();
        let wrapped = self.master.new_wrapped_key(id).map_err(failed)?;
        let sealer = SessionSealer::with_wrapped(&self.master, id, &wrapped).map_err(failed)?;
        let digest_key = fresh_digest_key();
        let sealed = sealer
            .seal(id, DIGEST_KEY_PLACE, &digest_key)
            .map_err(failed)?;
        let record = to_bytes(&KeyRecord {
            wrapped: &wrapped,
            digest_key: &sealed,
        });
        let keys = SessionKeys {
            session,
            sealer,
            digest_key,
        };
        Ok((record, keys))
    }

    fn unwrap(&self, session: SessionId, record: &[u8]) -> Result<SessionKeys, Error> {
        let damaged =
            |reason: &dyn ToString| Error::damaged(session, "the key", reason.to_string());
        let record: KeyRecord<'_> =
            from_bytes(record).ok_or_else(|| damaged(&"not a key record"))?;
        let id = session.as_bytes();
        let sealer = SessionSealer::with_wrapped(&self.master, id, record.wrapped)
            .map_err(|error| damaged(&error))?;
        let digest_key = sealer
            .open(id, DIGEST_KEY_PLACE, record.digest_key)
            .map_err(|error| damaged(&error))?;
        let digest_key = digest_key
            .try_into()
            .map_err(|_| damaged(&"a key of another length"))?;
        Ok(SessionKeys {
            session,
            sealer,
            digest_key,
        })
    }
}

impl SessionKeys {
    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    /// Seals bytes to a place inside the session.
    pub(crate) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = self.sealer.seal(self.session.as_bytes(), place, plain);
        sealed.map_err(|error| Error::Seal(error.to_string()))
    }

    /// Opens bytes that were sealed to the same place.
    pub(crate) fn open(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, aiex_security::Error> {
        self.sealer.open(self.session.as_bytes(), place, sealed)
    }

    /// Digest that recognises a repeat, and tells nothing to who lacks the key.
    pub(crate) fn digest(&self, events: &[Event]) -> Result<[u8; 32], StoreError> {
        let plain = request_digest(events)?;
        Ok(*blake3::keyed_hash(&self.digest_key, &plain).as_bytes())
    }
}

/// Two random UUIDs: 244 bits from the operating system.
fn fresh_digest_key() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(Uuid::new_v4().as_bytes());
    hasher.update(Uuid::new_v4().as_bytes());
    *hasher.finalize().as_bytes()
}
