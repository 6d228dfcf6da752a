//! Who may do what, and how data is sealed: principals, roles, permits, tokens, keys, redaction.
//!
//! Decisions are pure. Files are read and written in `key_file.rs` only, randomness comes from
//! `entropy.rs` only, and time is always an argument. The only crate that knows `aes-gcm`.

mod action;
mod authorize;
mod entropy;
mod envelope;
mod error;
mod key_file;
mod principal;
mod redact;
mod token;
mod xaes;

pub use action::{
    Action, ClusterRead, Marker, ModelList, OperationsRead, ProfileRead, SessionArchive,
    SessionCreate, SessionExport, SessionFork, SessionImport, SessionList, SessionRead,
    SessionWrite, TokenCreate, TokenList, TokenRevoke, WorkspaceRead, WorkspaceWrite,
};
pub use authorize::{Denied, Permit, Scope, authorize, ceiling};
pub use envelope::{MasterKey, RECORD_OVERHEAD_BYTES, SessionSealer, WRAPPED_KEY_BYTES};
pub use error::Error;
pub use key_file::{
    KEY_FILE_BYTES, SECRET_FILE_BYTES_MAX, load_or_create_key_file, read_secret_file,
    write_secret_file,
};
pub use principal::{Principal, Role};
pub use redact::redact;
pub use token::{
    MintedToken, NewToken, PresentedToken, TOKEN_LIFETIME_MS_MAX, TokenRecord, mint, verify,
};
