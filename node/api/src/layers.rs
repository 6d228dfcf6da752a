//! What every call passes before its service, in this order: identity.

pub(crate) mod authenticate;
