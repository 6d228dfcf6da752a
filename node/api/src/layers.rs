//! What every call passes before its service, in this order: trace, identity.

pub(crate) mod authenticate;
pub(crate) mod trace;
