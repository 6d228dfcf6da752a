//! Collects the access records of one call, allowed and denied alike.

use crate::{AccessRecord, ToolStatus, error::Error};

/// The records of one call, in the order things were tried.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    records: Vec<AccessRecord>,
}

impl Trail {
    pub(crate) fn allowed(&mut self, operation: &str, path: &str, size_bytes: u64) {
        self.push(operation, path, "allowed", String::new(), size_bytes);
    }

    /// Records an allowed operation with a remark, such as the sandbox tier of a command.
    pub(crate) fn allowed_with(
        &mut self,
        operation: &str,
        path: &str,
        reason: String,
        size_bytes: u64,
    ) {
        self.push(operation, path, "allowed", reason, size_bytes);
    }

    /// Records an operation that ended in an error: denied when the boundary refused it.
    pub(crate) fn refused(&mut self, operation: &str, path: &str, error: &Error) {
        let decision = if error.status() == ToolStatus::Denied {
            "denied"
        } else {
            "allowed"
        };
        self.push(operation, path, decision, error.to_string(), 0);
    }

    pub(crate) fn into_records(self) -> Vec<AccessRecord> {
        self.records
    }

    fn push(
        &mut self,
        operation: &str,
        path: &str,
        decision: &str,
        reason: String,
        size_bytes: u64,
    ) {
        self.records.push(AccessRecord {
            operation: operation.to_owned(),
            path: path.to_owned(),
            decision: decision.to_owned(),
            reason,
            size_bytes,
        });
    }
}
