//! Unified diffs, as `diff -u` and git write them and as models nearly write them.
//!
//! The counts in `@@` lines are not believed, for they are often wrong; the lines are.

use super::{FileEdit, FileEditKind, Hunk, HunkLine, edit_error, patch::hunk_line, source::bare};
use crate::error::Error;

/// Reads all files of a diff. A diff without `---`/`+++` lines has one file with an empty path.
pub(super) fn parse(text: &str) -> Result<Vec<FileEdit>, Error> {
    let lines: Vec<&str> = text.split_inclusive('\n').map(bare).collect();
    let mut files: Vec<Section> = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        let header = line.strip_prefix("--- ").zip(
            lines
                .get(index + 1)
                .and_then(|next| next.strip_prefix("+++ ")),
        );
        if let Some((old, new)) = header {
            files.push(Section {
                old: file_name(old),
                new: file_name(new),
                hunks: Vec::new(),
            });
            index += 2;
            continue;
        }
        if let Some(rest) = line.strip_prefix("@@") {
            if files.is_empty() {
                files.push(Section::default());
            }
            if let Some(file) = files.last_mut() {
                file.hunks.push(Hunk {
                    line: first_line(rest),
                    ..Hunk::default()
                });
            }
        } else if let Some(hunk) = files.last_mut().and_then(|file| file.hunks.last_mut()) {
            // "\ No newline at end of file" speaks of the line before; a new section's `diff`/`index` lines end the hunk
            if !line.starts_with('\\') && !is_preamble(line) {
                let read = hunk_line(line).ok_or_else(|| {
                    edit_error(
                        format!(
                            "line {} of the diff begins with none of ` `, `+`, `-`",
                            index + 1
                        ),
                        "every line of a hunk carries its mark",
                    )
                })?;
                hunk.lines.push(read);
            }
        }
        index += 1;
    }
    files.into_iter().map(Section::finish).collect()
}

#[derive(Default)]
struct Section {
    old: Option<String>,
    new: Option<String>,
    hunks: Vec<Hunk>,
}

impl Section {
    fn finish(mut self) -> Result<FileEdit, Error> {
        for hunk in &mut self.hunks {
            // an empty last line is the end of the text, not a blank context line
            while hunk.lines.last() == Some(&HunkLine::Context(String::new())) {
                hunk.lines.pop();
            }
        }
        self.hunks.retain(|hunk| !hunk.lines.is_empty());
        let absent = |name: &Option<String>| name.as_deref() == Some("/dev/null");
        let kind = if absent(&self.new) {
            FileEditKind::Delete
        } else if absent(&self.old) {
            FileEditKind::Create(added(&self.hunks))
        } else if self.hunks.is_empty() {
            return Err(edit_error(
                "a file of the diff has no hunk".to_owned(),
                "give at least one `@@` hunk for each file",
            ));
        } else {
            FileEditKind::Update(self.hunks)
        };
        let path = if kind == FileEditKind::Delete {
            self.old
        } else {
            self.new
        };
        Ok(FileEdit {
            path: path.unwrap_or_default(),
            kind,
        })
    }
}

fn added(hunks: &[Hunk]) -> String {
    let lines = hunks.iter().flat_map(|hunk| &hunk.lines);
    lines
        .filter_map(|line| {
            if let HunkLine::Added(text) = line {
                Some(format!("{text}\n"))
            } else {
                None
            }
        })
        .collect()
}

/// The name without `a/`, `b/` and a trailing time stamp.
fn file_name(text: &str) -> Option<String> {
    let name = text.split('\t').next().unwrap_or(text).trim();
    let name = name
        .strip_prefix("a/")
        .or_else(|| name.strip_prefix("b/"))
        .unwrap_or(name);
    Some(name.to_owned())
}

fn first_line(header: &str) -> Option<usize> {
    let old = header.trim_start().strip_prefix('-')?;
    old.split([',', ' ']).next()?.parse().ok()
}

fn is_preamble(line: &str) -> bool {
    [
        "diff --git ",
        "index ",
        "new file mode ",
        "deleted file mode ",
        "similarity index ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}
