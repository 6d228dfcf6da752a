//! The tools that only look: read, list, search.

use super::{Executor, answer::Answer};
use crate::{
    OUTPUT_BYTES_MAX, ToolCall, ToolOutcome,
    arguments::{self, ListFiles, ReadFile, SearchText},
    error::{Error, Result},
    output::floor_boundary,
    root::TextFile,
    search::{glob, glob_matches, matcher, search},
    trail::Trail,
    walk::{Scope, walk},
};

/// Entries listed unless the call says otherwise, and at most.
const LIST_DEFAULT: usize = 500;
const LIST_MAX: usize = 5_000;
/// Matching lines shown unless the call says otherwise, and at most.
const MATCHES_DEFAULT: usize = 100;
const MATCHES_MAX: usize = 1_000;
/// Room kept in an answer for the lines around the text.
const HEADER_BYTES: usize = 4_400;

impl Executor {
    pub(super) fn read(&self, call: &ToolCall) -> ToolOutcome {
        let mut trail = Trail::default();
        let result = match call.name.as_str() {
            "read_file" => self.read_file(call, &mut trail),
            "list_files" => self.list_files(call, &mut trail),
            _ => self.search_text(call, &mut trail),
        };
        match result {
            Ok(output) => Answer::ok(output, trail),
            Err(error) => Answer::error(&error, trail),
        }
    }

    fn read_file(&self, call: &ToolCall, trail: &mut Trail) -> Result<String> {
        let wanted: ReadFile = arguments::parse(call)?;
        let read = self
            .workspace
            .place(&wanted.path)
            .and_then(|place| Ok((place.root.read_text(&place.path)?, place.shown)));
        let (file, shown) = read.inspect_err(|error| trail.refused("read", &wanted.path, error))?;
        trail.allowed("read", &shown, file.content.len() as u64);
        self.contents.saw(&shown, &file.content);
        show_lines(&shown, &file, &wanted)
    }

    fn list_files(&self, call: &ToolCall, trail: &mut Trail) -> Result<String> {
        let wanted: ListFiles = arguments::parse(call)?;
        let start = wanted.path.as_deref().unwrap_or(".");
        let pattern = wanted
            .glob
            .as_deref()
            .map(|text| glob("list_files", text))
            .transpose()?;
        let found = self
            .workspace
            .place(start)
            .and_then(|place| Ok((walk(place.root, &place.path, Scope::Sources)?, place)));
        let (found, place) = found.inspect_err(|error| trail.refused("list", start, error))?;
        trail.allowed("list", &place.shown, 0);
        let limit = wanted.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX);
        let matching: Vec<_> = found
            .files
            .iter()
            .filter(|path| {
                pattern
                    .as_ref()
                    .is_none_or(|pattern| glob_matches(pattern, path))
            })
            .collect();
        let mut lines: Vec<String> = matching
            .iter()
            .take(limit)
            .map(ToString::to_string)
            .collect();
        if matching.len() > limit {
            lines.push(format!(
                "[{} more; raise `limit` or narrow `glob`]",
                matching.len() - limit
            ));
        }
        if found.truncated {
            lines.push("[the tree is too large to list whole; give a `path`]".into());
        }
        Ok(if lines.is_empty() {
            "no files".into()
        } else {
            lines.join("\n")
        })
    }

    fn search_text(&self, call: &ToolCall, trail: &mut Trail) -> Result<String> {
        let wanted: SearchText = arguments::parse(call)?;
        let matcher = matcher(&wanted.pattern, wanted.fixed)?;
        let pattern = wanted
            .glob
            .as_deref()
            .map(|text| glob("search_text", text))
            .transpose()?;
        let start = wanted.path.as_deref().unwrap_or(".");
        let found = self
            .workspace
            .place(start)
            .and_then(|place| Ok((walk(place.root, &place.path, Scope::Sources)?, place)));
        let (found, place) = found.inspect_err(|error| trail.refused("search", start, error))?;
        let limit = wanted
            .limit
            .unwrap_or(MATCHES_DEFAULT)
            .clamp(1, MATCHES_MAX);
        let matches = search(place.root, &found, &matcher, pattern.as_ref(), limit);
        trail.allowed_with(
            "search",
            &place.shown,
            format!("{} files read", matches.files_searched),
            matches.bytes_searched,
        );
        let mut lines = matches.lines;
        if matches.truncated {
            lines.push("[more matches; raise `limit` or narrow the search]".into());
        }
        Ok(if lines.is_empty() {
            format!("no matches in {} files", matches.files_searched)
        } else {
            lines.join("\n")
        })
    }
}

/// A first line that says what follows, then the file's own bytes.
fn show_lines(shown: &str, file: &TextFile, wanted: &ReadFile) -> Result<String> {
    let lines: Vec<&str> = file.content.split_inclusive('\n').collect();
    let start = wanted.start_line.unwrap_or(1).max(1);
    let end = wanted.end_line.unwrap_or(lines.len()).min(lines.len());
    if start > lines.len().max(1) || (start > end && !lines.is_empty()) {
        return Err(Error::Arguments {
            tool: "read_file".into(),
            reason: format!(
                "lines {start}-{end} are asked for, the file has {}",
                lines.len()
            ),
        });
    }
    let room = OUTPUT_BYTES_MAX - HEADER_BYTES;
    let (mut text, mut last) = (String::new(), start - 1);
    for line in lines.get(start - 1..end).unwrap_or_default() {
        if text.len() + line.len() > room {
            break;
        }
        text.push_str(line);
        last += 1;
    }
    let header = |last| {
        format!(
            "{shown} lines {start}-{last} of {} hash {}\n",
            lines.len(),
            file.hash
        )
    };
    if last < start && !lines.is_empty() {
        // one line longer than the whole answer: its beginning is still worth something
        let line = lines[start - 1];
        let cut = &line[..floor_boundary(line, room)];
        return Ok(format!(
            "{}{cut}\n[line {start} is cut: it has {} bytes]",
            header(start),
            line.len()
        ));
    }
    let note = if last < end {
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        format!("{newline}[cut; continue with start_line {}]", last + 1)
    } else {
        String::new()
    };
    Ok(format!("{}{text}{note}", header(last)))
}
