//! The tools by name, with the JSON Schemas a model is shown.

use serde_json::{Value, json};

/// What a tool may do to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
    Execute,
}

/// One tool as it is announced.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    pub name: &'static str,
    pub description: &'static str,
    /// JSON Schema of the arguments object.
    pub input_schema: Value,
    pub effect: Effect,
}

/// All tools, in a stable order.
pub fn specs() -> Vec<ToolSpec> {
    let mut all = file_specs();
    all.extend(edit_specs());
    all.extend(command_specs());
    all
}

/// The effect of a tool, or `None` when there is no such tool.
pub(crate) fn effect_of(name: &str) -> Option<Effect> {
    match name {
        "read_file" | "list_files" | "search_text" => Some(Effect::Read),
        "write_file" | "edit_file" | "edit_files" => Some(Effect::Write),
        "run_command" | "verify" | "run_tests" => Some(Effect::Execute),
        _ => None,
    }
}

fn spec(
    name: &'static str,
    description: &'static str,
    required: &[&str],
    properties: Value,
) -> ToolSpec {
    ToolSpec {
        name,
        description,
        input_schema: json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
        effect: effect_of(name).unwrap_or(Effect::Execute),
    }
}

fn path() -> Value {
    json!({"type": "string", "description": "Path relative to the project root, like lib/app.ex"})
}

fn verify_flag() -> Value {
    json!({"type": "boolean", "description": "Parse, format, compile and test afterwards; true unless given"})
}

fn expected_hash() -> Value {
    json!({"type": "string", "description": "Hash of the version this change is based on; other changes made since are merged or reported"})
}

fn edits() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": crate::edit::EDITS_MAX,
        "items": {
            "type": "object", "additionalProperties": false, "required": ["old", "new"],
            "properties": {
                "old": {"type": "string", "description": "Present text; must stand in one place only"},
                "new": {"type": "string", "description": "Text to put there"},
            },
        },
        "description": "All are placed in the file as it was before the call",
    })
}

fn file_specs() -> Vec<ToolSpec> {
    vec![
        spec(
            "read_file",
            "Reads a text file. The first line of the answer names the lines shown and the file's hash; the text follows unchanged.",
            &["path"],
            json!({
                "path": path(),
                "start_line": {"type": "integer", "minimum": 1},
                "end_line": {"type": "integer", "minimum": 1},
            }),
        ),
        spec(
            "list_files",
            "Lists source files, one path a line. Ignored files, build output and dependencies are left out unless `path` lies inside them.",
            &[],
            json!({
                "path": {"type": "string", "description": "Directory to list; the project root unless given"},
                "glob": {"type": "string", "description": "Like lib/**/*.ex; without a slash it matches file names anywhere"},
                "limit": {"type": "integer", "minimum": 1},
            }),
        ),
        spec(
            "search_text",
            "Searches source files line by line. Answers lines of `path:line:text`.",
            &["pattern"],
            json!({
                "pattern": {"type": "string", "description": "Regular expression, or literal text with `fixed`"},
                "path": {"type": "string", "description": "Directory to search; the project root unless given"},
                "glob": {"type": "string", "description": "Like lib/**/*.ex; without a slash it matches file names anywhere"},
                "limit": {"type": "integer", "minimum": 1},
                "fixed": {"type": "boolean"},
            }),
        ),
    ]
}

fn edit_specs() -> Vec<ToolSpec> {
    vec![
        spec(
            "write_file",
            "Creates or replaces a whole text file. Answers the new hash, the diff and how far the result was verified.",
            &["path", "content"],
            json!({
                "path": path(),
                "content": {"type": "string"},
                "expected_hash": expected_hash(),
                "verify": verify_flag(),
            }),
        ),
        spec(
            "edit_file",
            "Changes parts of a text file, by search/replace `edits` or by a `patch` (apply-patch or unified diff). Answers the new hash, the diff and how far the result was verified.",
            &["path"],
            json!({
                "path": path(),
                "edits": edits(),
                "patch": {"type": "string", "description": "`*** Begin Patch` or unified diff of this one file"},
                "expected_hash": expected_hash(),
                "verify": verify_flag(),
            }),
        ),
        spec(
            "edit_files",
            "Changes several files: all of them or none. Give `files` or one `patch` for all.",
            &[],
            json!({
                "files": {
                    "type": "array", "minItems": 1, "maxItems": crate::arguments::FILES_MAX,
                    "items": {
                        "type": "object", "additionalProperties": false, "required": ["path"],
                        "properties": {
                            "path": path(),
                            "edits": edits(),
                            "content": {"type": "string", "description": "Whole new text"},
                            "delete": {"type": "boolean"},
                            "expected_hash": expected_hash(),
                        },
                    },
                },
                "patch": {"type": "string", "description": "`*** Begin Patch` or unified diff"},
                "verify": verify_flag(),
            }),
        ),
    ]
}

fn command_specs() -> Vec<ToolSpec> {
    vec![
        spec(
            "run_command",
            "Runs mix or elixir in the project, in a sandbox without network. No shell: `argv` is passed as it is.",
            &["argv"],
            json!({
                "argv": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "timeout_ms": {"type": "integer", "minimum": 1},
                "env": {"type": "object", "additionalProperties": {"type": "string"}},
            }),
        ),
        spec(
            "verify",
            "Verifies files as they are: parse, format, compile, affected tests.",
            &["paths"],
            json!({"paths": {"type": "array", "items": {"type": "string"}, "minItems": 1}}),
        ),
        spec(
            "run_tests",
            "Runs one test file in a throw-away copy of the project, once for each seed. Answers JSON with the state of every test in every run.",
            &["path", "content"],
            json!({
                "path": {"type": "string", "description": "Where the test file would stand, like test/app_test.exs"},
                "content": {"type": "string"},
                "seeds": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 10},
                "timeout_ms": {"type": "integer", "minimum": 1, "description": "For each run"},
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_schemas_closed() {
        let all = specs();
        let names: Vec<_> = all.iter().map(|spec| spec.name).collect();
        assert_eq!(
            names,
            [
                "read_file",
                "list_files",
                "search_text",
                "write_file",
                "edit_file",
                "edit_files",
                "run_command",
                "verify",
                "run_tests"
            ]
        );
        for spec in all {
            assert_eq!(effect_of(spec.name), Some(spec.effect));
            assert_eq!(spec.input_schema["additionalProperties"], false);
            for name in spec.input_schema["required"].as_array().unwrap() {
                assert!(
                    spec.input_schema["properties"]
                        .get(name.as_str().unwrap())
                        .is_some(),
                    "{}",
                    spec.name
                );
            }
        }
    }
}
