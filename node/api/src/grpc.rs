//! The gRPC services: each call authorizes, asks its room, converts the answer.

pub(crate) mod admin_service;
pub(crate) mod caller;
pub(crate) mod cluster_service;
pub(crate) mod session_service;
pub(crate) mod session_stream;
pub(crate) mod workspace_service;
