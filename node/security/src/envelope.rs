//! Sealing of session data: a random key per session, wrapped by the node's master key.
//!
//! The wrapped key is an opaque record that lives with the session. Destroying it makes every
//! sealed record of that session unreadable, wherever copies are.
//!
//! Sealed record: `version 1 | algorithm 1 | nonce 24 | ciphertext | tag 16`.
//! Wrapped key: `version 1 | algorithm 1 | master key id 8 | nonce 24 | ciphertext 32 | tag 16`.

use crate::Error;
use crate::entropy::random_bytes;
use crate::token::hex;
use crate::xaes::{self, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What sealing adds to a plaintext.
pub const RECORD_OVERHEAD_BYTES: usize = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
/// The size of a wrapped session key.
pub const WRAPPED_KEY_BYTES: usize =
    HEADER_BYTES + KEY_ID_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES;

const VERSION: u8 = 1;
const ALGORITHM_XAES_256_GCM: u8 = 1;
const HEADER: [u8; HEADER_BYTES] = [VERSION, ALGORITHM_XAES_256_GCM];
const HEADER_BYTES: usize = 2;
const KEY_ID_BYTES: usize = 8;
const PLAINTEXT_BYTES_MAX: usize = 64 << 20;

const WRAP_KEY_INFO: &[u8] = b"aiex master key: wrap session keys v1";
const KEY_ID_INFO: &[u8] = b"aiex master key: public id v1";
const WRAP_DOMAIN: &[u8] = b"aiex wrapped session key";
const RECORD_DOMAIN: &[u8] = b"aiex sealed record";

/// The root of a node's keys. Never leaves memory; only keys derived from it are used.
pub struct MasterKey {
    wrap_key: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; KEY_ID_BYTES],
}

impl MasterKey {
    /// Takes 32 uniformly random bytes.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, Error> {
        let hkdf = Hkdf::<Sha256>::new(None, bytes);
        let mut wrap_key = Zeroizing::new([0_u8; KEY_BYTES]);
        let mut id = [0_u8; KEY_ID_BYTES];
        hkdf.expand(WRAP_KEY_INFO, wrap_key.as_mut())
            .map_err(|_| Error::KeyDerivation)?;
        hkdf.expand(KEY_ID_INFO, &mut id)
            .map_err(|_| Error::KeyDerivation)?;
        Ok(Self { wrap_key, id })
    }

    /// Gives the public name of the key, for logs and error messages.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Makes a session's key and gives its wrapped form, to be stored with the session.
    pub fn new_wrapped_key(&self, session: &[u8; 16]) -> Result<Vec<u8>, Error> {
        let session_key = random_bytes::<KEY_BYTES>()?;
        let nonce = random_bytes::<NONCE_BYTES>()?;
        let aad = self.wrap_place(session);
        let sealed = xaes::encrypt(&self.wrap_key, &nonce, &aad, session_key.as_ref())?;
        Ok([HEADER.as_slice(), &self.id, nonce.as_ref(), &sealed].concat())
    }

    fn unwrap_key(
        &self,
        session: &[u8; 16],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, Error> {
        let rest = after_header(wrapped)?;
        let (id, rest) = rest
            .split_first_chunk::<KEY_ID_BYTES>()
            .ok_or(Error::RecordRefused)?;
        if *id != self.id {
            return Err(Error::OtherMasterKey {
                wrapped_by: hex(id),
                present: self.id(),
            });
        }
        let (nonce, sealed) = rest.split_first_chunk().ok_or(Error::RecordRefused)?;
        let opened = xaes::decrypt(&self.wrap_key, nonce, &self.wrap_place(session), sealed)?;
        let opened = Zeroizing::new(opened);
        let key: &[u8; KEY_BYTES] = opened
            .as_slice()
            .try_into()
            .map_err(|_| Error::RecordRefused)?;
        Ok(Zeroizing::new(*key))
    }

    fn wrap_place(&self, session: &[u8; 16]) -> Vec<u8> {
        [WRAP_DOMAIN, &HEADER, &self.id, session].concat()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// Seals and opens the records of one session. Cheap to keep; wiped when dropped.
pub struct SessionSealer {
    session: [u8; 16],
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl SessionSealer {
    /// Opens a session's wrapped key. Fails when it belongs to another session or master key.
    pub fn with_wrapped(
        master: &MasterKey,
        session: &[u8; 16],
        wrapped: &[u8],
    ) -> Result<Self, Error> {
        Ok(Self {
            session: *session,
            key: master.unwrap_key(session, wrapped)?,
        })
    }

    /// Encrypts `plaintext` and binds it to the session and to `aad`, its place (say, the
    /// sequence number). At most 64 MiB.
    pub fn seal(&self, session: &[u8; 16], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(Error::RecordTooLarge {
                size_bytes: plaintext.len(),
                limit_bytes: PLAINTEXT_BYTES_MAX,
            });
        }
        let place = self.place(session, aad)?;
        let nonce = random_bytes::<NONCE_BYTES>()?;
        let sealed = xaes::encrypt(&self.key, &nonce, &place, plaintext)?;
        Ok([HEADER.as_slice(), nonce.as_ref(), &sealed].concat())
    }

    /// Opens a record sealed with equal session and place.
    pub fn open(&self, session: &[u8; 16], aad: &[u8], record: &[u8]) -> Result<Vec<u8>, Error> {
        let place = self.place(session, aad)?;
        let rest = after_header(record)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(Error::RecordRefused)?;
        xaes::decrypt(&self.key, nonce, &place, sealed)
    }

    // every part but the last has a fixed length, so two places never read the same
    fn place(&self, session: &[u8; 16], aad: &[u8]) -> Result<Vec<u8>, Error> {
        if *session != self.session {
            return Err(Error::OtherSession);
        }
        Ok([RECORD_DOMAIN, &HEADER, session, aad].concat())
    }
}

impl fmt::Debug for SessionSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionSealer({})", hex(&self.session))
    }
}

fn after_header(record: &[u8]) -> Result<&[u8], Error> {
    match record {
        [VERSION, ALGORITHM_XAES_256_GCM, rest @ ..] => Ok(rest),
        [VERSION, ..] | [] => Err(Error::RecordRefused),
        [version, ..] => Err(Error::RecordVersion { version: *version }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: [u8; 16] = [9; 16];

    fn sealer() -> (MasterKey, Vec<u8>, SessionSealer) {
        let master = MasterKey::from_bytes(&[5; 32]).unwrap();
        let wrapped = master.new_wrapped_key(&SESSION).unwrap();
        let sealer = SessionSealer::with_wrapped(&master, &SESSION, &wrapped).unwrap();
        (master, wrapped, sealer)
    }

    #[test]
    fn a_record_opens_only_in_its_place() {
        let (_, wrapped, sealer) = sealer();
        assert_eq!(wrapped.len(), WRAPPED_KEY_BYTES);
        let record = sealer.seal(&SESSION, b"seq 1", b"hello").unwrap();
        assert_eq!(record.len(), 5 + RECORD_OVERHEAD_BYTES);
        assert_eq!(sealer.open(&SESSION, b"seq 1", &record).unwrap(), b"hello");
        assert!(matches!(
            sealer.open(&SESSION, b"seq 2", &record),
            Err(Error::RecordRefused)
        ));
        assert!(matches!(
            sealer.open(&[8; 16], b"seq 1", &record),
            Err(Error::OtherSession)
        ));
        assert_ne!(record, sealer.seal(&SESSION, b"seq 1", b"hello").unwrap());
    }

    #[test]
    fn a_wrapped_key_serves_its_session_and_master_only() {
        let (master, wrapped, sealer) = sealer();
        let other = MasterKey::from_bytes(&[6; 32]).unwrap();
        let refused = SessionSealer::with_wrapped(&other, &SESSION, &wrapped).unwrap_err();
        assert!(matches!(refused, Error::OtherMasterKey { .. }), "{refused}");
        let refused = SessionSealer::with_wrapped(&master, &[1; 16], &wrapped).unwrap_err();
        assert!(matches!(refused, Error::RecordRefused), "{refused}");
        // another session's key does not open this session's records
        let foreign = master.new_wrapped_key(&SESSION).unwrap();
        let foreign = SessionSealer::with_wrapped(&master, &SESSION, &foreign).unwrap();
        let record = sealer.seal(&SESSION, b"", b"text").unwrap();
        assert!(foreign.open(&SESSION, b"", &record).is_err());
        // a node that restarts with the same master key reads on
        let again = MasterKey::from_bytes(&[5; 32]).unwrap();
        let again = SessionSealer::with_wrapped(&again, &SESSION, &wrapped).unwrap();
        assert_eq!(again.open(&SESSION, b"", &record).unwrap(), b"text");
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (master, wrapped, sealer) = sealer();
        let record = sealer.seal(&SESSION, b"p", b"ab").unwrap();
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(&SESSION, b"p", &damaged).is_err(), "bit {bit}");
        }
        for bit in 0..wrapped.len() * 8 {
            let mut damaged = wrapped.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                SessionSealer::with_wrapped(&master, &SESSION, &damaged).is_err(),
                "{bit}"
            );
        }
        for end in 0..record.len() {
            assert!(
                sealer.open(&SESSION, b"p", &record[..end]).is_err(),
                "cut at {end}"
            );
        }
        let newer = [&[2_u8], &record[1..]].concat();
        let refused = sealer.open(&SESSION, b"p", &newer).unwrap_err();
        assert!(matches!(refused, Error::RecordVersion { version: 2 }));
    }

    #[test]
    fn debug_shows_no_key() {
        let (master, _, sealer) = sealer();
        assert_eq!(format!("{master:?}"), format!("MasterKey({})", master.id()));
        assert!(!format!("{sealer:?}").contains("key"));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_comes_back(text: Vec<u8>, place: Vec<u8>) {
            let (_, _, sealer) = sealer();
            let record = sealer.seal(&SESSION, &place, &text).unwrap();
            prop_assert_eq!(sealer.open(&SESSION, &place, &record).unwrap(), text);
        }
    }
}
