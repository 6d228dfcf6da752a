//! The client contract: messages, services and the error codes both sides agree on.
//!
//! Generated from `proto/aiex/v1/*.proto` without `protoc`. This crate holds no behaviour beyond the
//! error-code table in [`code`]; conversions to and from domain types live with the crates that own them.

pub mod code;

/// Version 1 of the contract.
#[allow(clippy::all, clippy::pedantic, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("aiex.v1");
}

/// The encoded file descriptors, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/aiex.v1.bin"));
