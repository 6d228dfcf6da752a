//! The JSON each tool takes, read strictly: an unknown key is an error the model can mend.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    ToolCall,
    edit::Replacement,
    error::{Error, Result},
};

/// Largest argument text of one call, in bytes.
pub(crate) const ARGUMENTS_BYTES_MAX: usize = 16 << 20;
/// Most files in one `edit_files` call.
pub(crate) const FILES_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadFile {
    pub(crate) path: String,
    pub(crate) start_line: Option<usize>,
    pub(crate) end_line: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFiles {
    pub(crate) path: Option<String>,
    pub(crate) glob: Option<String>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchText {
    pub(crate) pattern: String,
    pub(crate) path: Option<String>,
    pub(crate) glob: Option<String>,
    pub(crate) limit: Option<usize>,
    #[serde(default)]
    pub(crate) fixed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteFile {
    pub(crate) path: String,
    pub(crate) content: String,
    pub(crate) expected_hash: Option<String>,
    pub(crate) verify: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditFile {
    pub(crate) path: String,
    pub(crate) edits: Option<Vec<Replacement>>,
    pub(crate) patch: Option<String>,
    pub(crate) expected_hash: Option<String>,
    pub(crate) verify: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditFiles {
    pub(crate) files: Option<Vec<FileChangeArguments>>,
    pub(crate) patch: Option<String>,
    pub(crate) verify: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileChangeArguments {
    pub(crate) path: String,
    pub(crate) edits: Option<Vec<Replacement>>,
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) delete: bool,
    pub(crate) expected_hash: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunCommand {
    pub(crate) argv: Vec<String>,
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    pub(crate) paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunTests {
    pub(crate) path: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) seeds: Vec<u32>,
    pub(crate) timeout_ms: Option<u64>,
}

/// Reads a call's arguments; an empty text counts as `{}`.
pub(crate) fn parse<T: DeserializeOwned>(call: &ToolCall) -> Result<T> {
    let unusable = |reason: String| Error::Arguments {
        tool: call.name.clone(),
        reason,
    };
    if call.arguments.len() > ARGUMENTS_BYTES_MAX {
        return Err(unusable(format!(
            "they have more than {ARGUMENTS_BYTES_MAX} bytes"
        )));
    }
    let text = if call.arguments.trim().is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    serde_json::from_str(text).map_err(|error| unusable(error.to_string()))
}
