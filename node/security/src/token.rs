//! Access tokens: opaque, 256 bits, shown once, stored as a hash.
//!
//! Text form: `aiex_<id>_<secret>`. The id is public and finds the record; the secret carries a
//! checksum, so that a typing error is told apart from a wrong token without a look-up.

use crate::entropy::random_bytes;
use crate::{Error, Principal, Role};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest life of a token that expires at all: ten years.
pub const TOKEN_LIFETIME_MS_MAX: u64 = 10 * 366 * 24 * 3_600 * 1_000;

const PREFIX: &str = "aiex_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const SECRET_TEXT_BYTES: usize = (SECRET_BYTES + CHECKSUM_BYTES) / 3 * 4;
const TEXT_BYTES: usize = PREFIX.len() + ID_BYTES * 2 + 1 + SECRET_TEXT_BYTES;
const USER_BYTES_MAX: usize = 128;
const LABEL_BYTES_MAX: usize = 256;
const HASH_CONTEXT: &str = "aiex 2026 token secret v1";
const CHECKSUM_CONTEXT: &str = "aiex 2026 token checksum v1";

/// What the cluster keeps of a token. Holds no secret; still not for everybody's eyes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub token_id: String,
    pub user: String,
    pub roles: Vec<Role>,
    pub label: String,
    pub created_unix_ms: i64,
    /// 0: does not expire.
    pub expires_unix_ms: i64,
    pub revoked: bool,
    /// BLAKE3 of the secret, bound to the id; hexadecimal.
    pub hash: String,
}

/// What a new token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub user: String,
    pub roles: Vec<Role>,
    pub label: String,
    /// 0: does not expire.
    pub lifetime_ms: u64,
}

/// A fresh token: the text for its owner, the record for the cluster.
#[derive(Debug)]
pub struct MintedToken {
    /// The only copy of the secret.
    pub text: SecretString,
    pub record: TokenRecord,
}

/// A token as a caller presented it, in the right form but not yet believed.
pub struct PresentedToken {
    id: String,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl PresentedToken {
    /// Reads the text form. Fails on any other shape, and on a wrong checksum.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() != TEXT_BYTES {
            return Err(Error::TokenMalformed);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(Error::TokenMalformed)?;
        let (id, encoded) = rest.split_once('_').ok_or(Error::TokenMalformed)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != ID_BYTES * 2 || !id.bytes().all(lower_hex) {
            return Err(Error::TokenMalformed);
        }
        let decoded = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| Error::TokenMalformed)?;
        let decoded = Zeroizing::new(decoded);
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        let (body, sum) = decoded
            .split_at_checked(SECRET_BYTES)
            .ok_or(Error::TokenMalformed)?;
        secret.copy_from_slice(body);
        if sum != checksum(id, &secret) {
            return Err(Error::TokenChecksum);
        }
        Ok(Self {
            id: id.to_owned(),
            secret,
        })
    }

    /// Gives the public id, to find the record by.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Makes a token. `now_unix_ms` is the creation time. Fails on unacceptable fields.
pub fn mint(request: NewToken, now_unix_ms: i64) -> Result<MintedToken, Error> {
    let roles = checked_roles(&request)?;
    let id = hex(random_bytes::<ID_BYTES>()?.as_ref());
    let secret = random_bytes::<SECRET_BYTES>()?;
    let mut bytes = Zeroizing::new(secret.to_vec());
    bytes.extend_from_slice(&checksum(&id, &secret));
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let expires_unix_ms = match request.lifetime_ms {
        0 => 0,
        lifetime => now_unix_ms.saturating_add_unsigned(lifetime),
    };
    Ok(MintedToken {
        text: SecretString::from(format!("{PREFIX}{id}_{}", encoded.as_str())),
        record: TokenRecord {
            hash: hash(&id, &secret).to_hex().to_string(),
            token_id: id,
            user: request.user,
            roles,
            label: request.label,
            created_unix_ms: now_unix_ms,
            expires_unix_ms,
            revoked: false,
        },
    })
}

/// Believes a presented token, or says why not. The secret is compared in constant time and
/// before the state, so that only a true owner learns that a token expired or was revoked.
pub fn verify(
    record: &TokenRecord,
    presented: &PresentedToken,
    now_unix_ms: i64,
) -> Result<Principal, Error> {
    let expected = blake3::Hash::from_hex(&record.hash).map_err(|_| Error::TokenUnknown)?;
    let same_id = record.token_id == presented.id;
    // `blake3::Hash` compares in constant time
    if hash(&presented.id, &presented.secret) != expected || !same_id {
        return Err(Error::TokenUnknown);
    }
    if record.revoked {
        return Err(Error::TokenRevoked);
    }
    if record.expires_unix_ms != 0 && now_unix_ms >= record.expires_unix_ms {
        return Err(Error::TokenExpired);
    }
    Ok(Principal {
        user: record.user.clone(),
        roles: record.roles.clone(),
        token_id: record.token_id.clone(),
    })
}

fn checked_roles(request: &NewToken) -> Result<Vec<Role>, Error> {
    let refuse = |field, reason: &str| {
        Err(Error::TokenRequest {
            field,
            reason: reason.into(),
        })
    };
    let mut roles = request.roles.clone();
    roles.sort_unstable();
    roles.dedup();
    match request {
        r if r.user.trim().is_empty() => refuse("user", "it is empty"),
        r if r.user.len() > USER_BYTES_MAX => refuse("user", "it is above 128 bytes"),
        r if r.user.chars().any(char::is_control) => refuse("user", "it has control characters"),
        r if r.label.len() > LABEL_BYTES_MAX => refuse("label", "it is above 256 bytes"),
        r if r.label.chars().any(char::is_control) => refuse("label", "it has control characters"),
        r if r.lifetime_ms > TOKEN_LIFETIME_MS_MAX => refuse("lifetime", "it is above ten years"),
        _ if roles.is_empty() => refuse("roles", "at least one is needed"),
        _ => Ok(roles),
    }
}

fn hash(id: &str, secret: &[u8; SECRET_BYTES]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(HASH_CONTEXT);
    hasher.update(id.as_bytes()).update(secret);
    hasher.finalize()
}

fn checksum(id: &str, secret: &[u8; SECRET_BYTES]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT);
    hasher.update(id.as_bytes()).update(secret);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const NOW: i64 = 1_800_000_000_000;

    fn request() -> NewToken {
        NewToken {
            user: "ann".into(),
            roles: vec![Role::Admin, Role::Developer, Role::Admin],
            label: "laptop".into(),
            lifetime_ms: 1_000,
        }
    }

    #[test]
    fn a_minted_token_opens_its_own_record_only() {
        let first = mint(request(), NOW).unwrap();
        let second = mint(request(), NOW).unwrap();
        let shown = PresentedToken::parse(first.text.expose_secret()).unwrap();
        let principal = verify(&first.record, &shown, NOW).unwrap();
        assert_eq!(principal.user, "ann");
        assert_eq!(principal.roles, [Role::Developer, Role::Admin]);
        assert_eq!(principal.token_id, shown.id());
        assert!(matches!(
            verify(&second.record, &shown, NOW),
            Err(Error::TokenUnknown)
        ));
        let renamed = TokenRecord {
            token_id: shown.id().into(),
            ..second.record
        };
        assert!(matches!(
            verify(&renamed, &shown, NOW),
            Err(Error::TokenUnknown)
        ));
    }

    #[test]
    fn expiry_and_revocation_hold() {
        let minted = mint(request(), NOW).unwrap();
        let shown = PresentedToken::parse(minted.text.expose_secret()).unwrap();
        assert!(verify(&minted.record, &shown, NOW + 999).is_ok());
        assert!(matches!(
            verify(&minted.record, &shown, NOW + 1_000),
            Err(Error::TokenExpired)
        ));
        let revoked = TokenRecord {
            revoked: true,
            ..minted.record
        };
        assert!(matches!(
            verify(&revoked, &shown, NOW),
            Err(Error::TokenRevoked)
        ));
        let forever = mint(
            NewToken {
                lifetime_ms: 0,
                ..request()
            },
            NOW,
        )
        .unwrap();
        let shown = PresentedToken::parse(forever.text.expose_secret()).unwrap();
        assert!(verify(&forever.record, &shown, i64::MAX).is_ok());
    }

    #[test]
    fn every_change_of_one_character_is_noticed() {
        let minted = mint(request(), NOW).unwrap();
        let text = minted.text.expose_secret();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(PresentedToken::parse(&changed).is_err(), "{at}");
        }
        for wrong in [
            "",
            "aiex_",
            "aiex__",
            "Bearer x",
            &text[1..],
            &format!("{text}a"),
            "ä",
        ] {
            assert!(
                matches!(PresentedToken::parse(wrong), Err(Error::TokenMalformed)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn neither_record_nor_debug_shows_the_secret() {
        let minted = mint(request(), NOW).unwrap();
        let secret = minted
            .text
            .expose_secret()
            .rsplit_once(&minted.record.token_id)
            .unwrap()
            .1;
        let stored = serde_json::to_string(&minted.record).unwrap();
        assert!(!stored.contains(&secret[1..]));
        assert!(!format!("{minted:?}").contains(&secret[1..]));
        assert_eq!(
            serde_json::from_str::<TokenRecord>(&stored).unwrap(),
            minted.record
        );
    }

    #[test]
    fn unacceptable_requests_are_refused() {
        let long = "x".repeat(257);
        for (changed, field) in [
            (
                NewToken {
                    user: " ".into(),
                    ..request()
                },
                "user",
            ),
            (
                NewToken {
                    user: "a\nb".into(),
                    ..request()
                },
                "user",
            ),
            (
                NewToken {
                    user: long.clone(),
                    ..request()
                },
                "user",
            ),
            (
                NewToken {
                    label: long,
                    ..request()
                },
                "label",
            ),
            (
                NewToken {
                    roles: vec![],
                    ..request()
                },
                "roles",
            ),
            (
                NewToken {
                    lifetime_ms: u64::MAX,
                    ..request()
                },
                "lifetime",
            ),
        ] {
            match mint(changed, NOW) {
                Err(Error::TokenRequest { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }
}
