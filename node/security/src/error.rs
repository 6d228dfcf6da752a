//! Everything that can go wrong here, each with a hint for the person who reads it.

use std::path::PathBuf;

/// Refusals and failures of keys, tokens and sealed records. No message carries secret material.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the token is not in the form aiex_<id>_<secret>")]
    TokenMalformed,
    #[error("the token is mistyped: its checksum does not match")]
    TokenChecksum,
    #[error("the token is not valid")]
    TokenUnknown,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the token was revoked")]
    TokenRevoked,
    #[error("{field} is not acceptable: {reason}")]
    TokenRequest { field: &'static str, reason: String },
    #[error("unknown role `{name}`")]
    UnknownRole { name: String },

    #[error("the sealed record is damaged, or was moved from another place")]
    RecordRefused,
    #[error("the sealed record has version {version}, which this build cannot read")]
    RecordVersion { version: u8 },
    #[error("the session key was wrapped by master key {wrapped_by}, but {present} is loaded")]
    OtherMasterKey { wrapped_by: String, present: String },
    #[error("this sealer belongs to another session")]
    OtherSession,
    #[error("the plaintext of {size_bytes} bytes is above the limit of {limit_bytes}")]
    RecordTooLarge {
        size_bytes: usize,
        limit_bytes: usize,
    },

    #[error("{path} must be readable by its owner only, but its mode is {mode:04o}", path = path.display())]
    FileModeTooWide { path: PathBuf, mode: u32 },
    #[error("{path} belongs to another user", path = path.display())]
    FileOwner { path: PathBuf },
    #[error("{path} is not a regular file", path = path.display())]
    FileKind { path: PathBuf },
    #[error("{path} holds {found} bytes, expected {expected}", path = path.display())]
    FileSize {
        path: PathBuf,
        found: u64,
        expected: String,
    },
    #[error("{path} exists already", path = path.display())]
    FileExists { path: PathBuf },
    #[error("cannot {verb} {path}", path = path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the operating system gave no randomness")]
    Entropy,
    #[error("a key could not be derived")]
    KeyDerivation,
}

impl Error {
    /// What the person can do about it; one line, safe to show to anybody.
    pub fn hint(&self) -> String {
        match self {
            Self::TokenMalformed | Self::TokenChecksum => {
                "copy the token again, whole, from where it was created".into()
            }
            Self::TokenUnknown | Self::TokenExpired | Self::TokenRevoked => {
                "ask for a new one: `aiex create token`".into()
            }
            Self::TokenRequest { .. } => "change that field and try again".into(),
            Self::UnknownRole { .. } => {
                format!(
                    "roles are {}",
                    crate::Role::ALL.map(crate::Role::name).join(", ")
                )
            }
            Self::RecordRefused => "restore this session from a replica or a backup".into(),
            Self::RecordVersion { .. } => "upgrade the node to the version that wrote it".into(),
            Self::OtherMasterKey { .. } => {
                "start the node with the master key file this data was written with".into()
            }
            Self::OtherSession => "open the sealer with that session's own wrapped key".into(),
            Self::RecordTooLarge { .. } => "store large contents as blobs".into(),
            Self::FileModeTooWide { path, .. } => format!("run `chmod 600 {}`", path.display()),
            Self::FileOwner { .. } => "run as the file's owner, or change its owner".into(),
            Self::FileKind { .. } => "name a plain file, not a link, directory or device".into(),
            Self::FileSize { .. } => "restore the file from its backup".into(),
            Self::FileExists { .. } => "remove it first if it is no longer needed".into(),
            Self::File { .. } => "check that the directory exists and is writable".into(),
            Self::Entropy => "check that getrandom(2) is allowed for this process".into(),
            Self::KeyDerivation => "report this: it cannot happen with keys of 32 bytes".into(),
        }
    }

    /// True when the caller is not who it claims to be (as opposed to a fault of ours).
    pub const fn is_authentication(&self) -> bool {
        matches!(
            self,
            Self::TokenMalformed
                | Self::TokenChecksum
                | Self::TokenUnknown
                | Self::TokenExpired
                | Self::TokenRevoked
        )
    }
}
