//! The apply-patch format: `*** Begin Patch`, file sections, `@@` hunks, `*** End Patch`.

use super::{FileEdit, FileEditKind, Hunk, HunkLine, edit_error, source::bare};
use crate::error::Error;

const HINT: &str = "use `*** Update File:`, `*** Add File:` or `*** Delete File:` sections inside `*** Begin Patch` and `*** End Patch`";

/// Reads the whole envelope.
pub(super) fn parse(text: &str) -> Result<Vec<FileEdit>, Error> {
    let mut edits: Vec<FileEdit> = Vec::new();
    let mut ended = false;
    for (index, line) in text
        .trim_start()
        .split_inclusive('\n')
        .map(bare)
        .enumerate()
        .skip(1)
    {
        if ended {
            if line.trim().is_empty() {
                continue;
            }
            return Err(bad(index, "text after `*** End Patch`"));
        }
        if let Some(section) = line.strip_prefix("*** ") {
            ended = open_section(&mut edits, section, index)?;
        } else {
            let Some(edit) = edits.last_mut() else {
                return Err(bad(index, "a line before any file section"));
            };
            add_line(edit, line, index)?;
        }
    }
    if !ended {
        return Err(edit_error(
            "the patch has no `*** End Patch`; it may be cut".to_owned(),
            HINT,
        ));
    }
    for edit in &mut edits {
        finish(edit)?;
    }
    Ok(edits)
}

fn open_section(edits: &mut Vec<FileEdit>, section: &str, index: usize) -> Result<bool, Error> {
    let mut open = |path: &str, kind| {
        edits.push(FileEdit {
            path: path.trim().to_owned(),
            kind,
        });
    };
    if section.trim_end() == "End Patch" {
        return Ok(true);
    } else if let Some(path) = section.strip_prefix("Update File:") {
        open(path, FileEditKind::Update(Vec::new()));
    } else if let Some(path) = section.strip_prefix("Add File:") {
        open(path, FileEditKind::Create(String::new()));
    } else if let Some(path) = section.strip_prefix("Delete File:") {
        open(path, FileEditKind::Delete);
    } else if section.trim_end() == "End of File" {
        match edits.last_mut().map(|edit| &mut edit.kind) {
            Some(FileEditKind::Update(hunks)) if !hunks.is_empty() => {
                if let Some(hunk) = hunks.last_mut() {
                    hunk.at_end = true;
                }
            }
            _ => return Err(bad(index, "`*** End of File` outside a hunk")),
        }
    } else if section.starts_with("Move to:") {
        return Err(bad(
            index,
            "moving is not supported; delete the file and add the other",
        ));
    } else {
        return Err(bad(index, "an unknown section"));
    }
    Ok(false)
}

fn add_line(edit: &mut FileEdit, line: &str, index: usize) -> Result<(), Error> {
    match &mut edit.kind {
        FileEditKind::Delete if line.trim().is_empty() => Ok(()),
        FileEditKind::Delete => Err(bad(index, "lines under `*** Delete File:`")),
        FileEditKind::Create(content) => {
            let Some(text) = line.strip_prefix('+') else {
                return Err(bad(index, "a line of a new file does not begin with `+`"));
            };
            content.push_str(text);
            content.push('\n');
            Ok(())
        }
        FileEditKind::Update(hunks) => {
            if let Some(anchor) = line.strip_prefix("@@") {
                let anchor = anchor.trim();
                let anchor = (!anchor.is_empty()).then(|| anchor.to_owned());
                hunks.push(Hunk {
                    anchor,
                    ..Hunk::default()
                });
                return Ok(());
            }
            if hunks.is_empty() {
                hunks.push(Hunk::default());
            }
            let line = hunk_line(line)
                .ok_or_else(|| bad(index, "a hunk line begins with none of ` `, `+`, `-`"))?;
            if let Some(hunk) = hunks.last_mut() {
                hunk.lines.push(line);
            }
            Ok(())
        }
    }
}

/// Reads one line of a hunk; an empty one is an empty context line whose blank was lost.
pub(super) fn hunk_line(line: &str) -> Option<HunkLine> {
    let mut characters = line.chars();
    let text = || line[1..].to_owned();
    match characters.next() {
        None => Some(HunkLine::Context(String::new())),
        Some(' ') => Some(HunkLine::Context(text())),
        Some('-') => Some(HunkLine::Removed(text())),
        Some('+') => Some(HunkLine::Added(text())),
        Some(_) => None,
    }
}

fn finish(edit: &mut FileEdit) -> Result<(), Error> {
    if edit.path.is_empty() {
        return Err(edit_error("a file section has no path".to_owned(), HINT));
    }
    if let FileEditKind::Update(hunks) = &mut edit.kind {
        hunks.retain(|hunk| !hunk.lines.is_empty());
        if hunks.is_empty() {
            return Err(edit_error(
                format!("the section of `{}` has no hunk", edit.path),
                HINT,
            ));
        }
    }
    Ok(())
}

fn bad(index: usize, what: &str) -> Error {
    edit_error(format!("line {} of the patch: {what}", index + 1), HINT)
}
