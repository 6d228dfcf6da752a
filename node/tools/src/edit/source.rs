//! A text with its lines indexed, and its dominant line ending.

use std::ops::Range;

/// A text under edit.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    lines: Vec<Range<usize>>,
    /// What new lines end with in this file.
    pub(super) ending: &'static str,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lines = Vec::new();
        let (mut start, mut crlf) = (0, 0usize);
        for line in text.split_inclusive('\n') {
            let bare = bare(line);
            crlf += usize::from(line.ends_with("\r\n"));
            lines.push(start..start + bare.len());
            start += line.len();
        }
        let ending = if crlf * 2 > lines.len() { "\r\n" } else { "\n" };
        Self {
            text,
            lines,
            ending,
        }
    }

    pub(super) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// A line without its ending; empty past the end.
    pub(super) fn line(&self, index: usize) -> &'t str {
        self.lines
            .get(index)
            .map_or("", |range| &self.text[range.clone()])
    }

    /// Where a line's bare text lies.
    pub(super) fn line_range(&self, index: usize) -> Range<usize> {
        self.lines
            .get(index)
            .cloned()
            .unwrap_or(self.text.len()..self.text.len())
    }

    /// Where the line after `index` begins.
    pub(super) fn next_start(&self, index: usize) -> usize {
        self.lines
            .get(index + 1)
            .map_or(self.text.len(), |range| range.start)
    }

    /// The number, from 1, of the line that holds a byte offset.
    pub(super) fn line_number(&self, offset: usize) -> usize {
        self.lines
            .partition_point(|range| range.start <= offset)
            .max(1)
    }

    /// Gives a text this file's line endings, unless it brings carriage returns of its own.
    pub(super) fn with_ending(&self, text: &str) -> String {
        if self.ending == "\r\n" && !text.contains('\r') {
            text.replace('\n', "\r\n")
        } else {
            text.to_owned()
        }
    }
}

/// Strips the line ending.
pub(super) fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
