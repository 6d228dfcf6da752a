//! Regular-expression search over the files of a walk, line by line.

use globset::GlobMatcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{Searcher, SearcherBuilder, sinks::Lossy};

use crate::{
    error::{Error, Result},
    path::WorkspacePath,
    root::Root,
    walk::Walk,
};

/// Longest part of a matching line that is shown, in characters.
const LINE_CHARS_MAX: usize = 300;
/// Most bytes one search reads.
const SEARCH_BYTES_MAX: u64 = 512 << 20;
/// Memory a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Longest pattern text in bytes.
const PATTERN_TEXT_MAX: usize = 4096;

/// The matching lines, bounded.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) lines: Vec<String>,
    pub(crate) files_searched: usize,
    pub(crate) bytes_searched: u64,
    pub(crate) truncated: bool,
}

/// Compiles a pattern; `fixed` takes it literally.
pub(crate) fn matcher(pattern: &str, fixed: bool) -> Result<RegexMatcher> {
    let unusable = |reason: String| Error::Arguments {
        tool: "search_text".into(),
        reason,
    };
    if pattern.is_empty() || pattern.len() > PATTERN_TEXT_MAX {
        return Err(unusable(format!(
            "`pattern` must have 1 to {PATTERN_TEXT_MAX} bytes"
        )));
    }
    RegexMatcherBuilder::new()
        .line_terminator(Some(b'\n'))
        .fixed_strings(fixed)
        .size_limit(PATTERN_BYTES_MAX)
        .build(pattern)
        .map_err(|error| unusable(format!("`pattern` is no regular expression: {error}")))
}

/// Compiles a glob as the tools understand it: `*` stops at `/`, `**` does not.
pub(crate) fn glob(tool: &str, text: &str) -> Result<GlobMatcher> {
    globset::GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Error::Arguments {
            tool: tool.to_owned(),
            reason: format!("`glob`: {error}"),
        })
}

/// A glob without a slash matches names anywhere, as people expect of `*.ex`.
pub(crate) fn glob_matches(glob: &GlobMatcher, path: &WorkspacePath) -> bool {
    if glob.is_match(path.as_str()) {
        return true;
    }
    !glob.glob().glob().contains('/')
        && path
            .split_last()
            .is_some_and(|(_, name)| glob.is_match(name))
}

/// Searches text files; binary, over-large and unreadable ones are passed over.
pub(crate) fn search(
    root: &Root,
    walk: &Walk,
    matcher: &RegexMatcher,
    glob: Option<&GlobMatcher>,
    limit: usize,
) -> Matches {
    let mut found = Matches {
        truncated: walk.truncated,
        ..Matches::default()
    };
    let mut searcher = SearcherBuilder::new().line_number(true).build();
    for path in &walk.files {
        if glob.is_some_and(|glob| !glob_matches(glob, path)) {
            continue;
        }
        if found.lines.len() >= limit || found.bytes_searched > SEARCH_BYTES_MAX {
            found.truncated = true;
            break;
        }
        let Ok(file) = root.read_text(path) else {
            continue;
        };
        found.files_searched += 1;
        found.bytes_searched += file.content.len() as u64;
        search_file(
            &mut searcher,
            matcher,
            path,
            &file.content,
            limit,
            &mut found,
        );
    }
    found
}

fn search_file(
    searcher: &mut Searcher,
    matcher: &RegexMatcher,
    path: &WorkspacePath,
    content: &str,
    limit: usize,
    found: &mut Matches,
) {
    let sink = Lossy(|number, line: &str| {
        if found.lines.len() >= limit {
            found.truncated = true;
            return Ok(false);
        }
        let line = line.trim_end_matches(['\n', '\r']);
        let shown: String = line.chars().take(LINE_CHARS_MAX).collect();
        let cut = if shown.len() < line.len() { "…" } else { "" };
        found.lines.push(format!("{path}:{number}:{shown}{cut}"));
        Ok(true)
    });
    if let Err(error) = searcher.search_slice(matcher, content.as_bytes(), sink) {
        tracing::debug!(%path, %error, "file left out of a search");
    }
}
