//! Lines of a text with their indentation, and which of them lie inside a heredoc.

/// One line that is neither empty nor inside a heredoc.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'s> {
    pub(super) start_byte: usize,
    /// Without the line break.
    pub(super) end_byte: usize,
    /// 1-based.
    pub(super) number: u32,
    pub(super) indent: usize,
    pub(super) text: &'s str,
    /// The line lies inside a heredoc or ends one.
    pub(super) quoted: bool,
}

impl<'s> Line<'s> {
    /// Returns the leading word, up to the first character that cannot be part of a name.
    pub(super) fn word(&self) -> &'s str {
        let end = self
            .text
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.text.len());
        &self.text[..end]
    }
}

/// Returns all lines that are not empty.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut heredoc: Option<&str> = None;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let body = raw.trim_end_matches(['\n', '\r']);
        let trimmed = body.trim();
        let quoted = heredoc.is_some();
        match heredoc {
            Some(delimiter) if trimmed.starts_with(delimiter) => heredoc = None,
            None => heredoc = opened(trimmed),
            Some(_) => {}
        }
        if !trimmed.is_empty() {
            out.push(Line {
                start_byte: start,
                end_byte: start + body.len(),
                number: u32::try_from(index + 1).unwrap_or(u32::MAX),
                indent: body.len() - body.trim_start().len(),
                text: trimmed,
                quoted,
            });
        }
        start += raw.len();
    }
    out
}

fn opened(trimmed: &str) -> Option<&'static str> {
    if trimmed.starts_with('#') {
        return None;
    }
    ["\"\"\"", "'''"].into_iter().find(|delimiter| {
        trimmed.ends_with(delimiter) && trimmed.matches(delimiter).count() % 2 == 1
    })
}

/// Returns the number of lines.
pub(super) fn count(text: &str) -> u32 {
    u32::try_from(text.lines().count()).unwrap_or(u32::MAX)
}
