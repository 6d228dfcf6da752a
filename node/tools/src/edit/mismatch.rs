//! Says why an old text has no single place, in a form the next attempt can use.

use super::{Grade, edit_error, source::Source};
use crate::error::Error;

/// Candidates shown for a text that is not found.
const CANDIDATES_MAX: usize = 3;
/// Lines looked at for candidates; a longer file is judged by its beginning.
const LINES_SEARCHED_MAX: usize = 50_000;
/// Work spent on candidates: windows times lines compared.
const COMPARISONS_MAX: usize = 20_000_000;
/// Longest line shown, in characters.
const LINE_CHARS_MAX: usize = 160;

/// Why an edit has no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    EmptyOld,
    NoContext,
    Ambiguous { lines: Vec<usize>, grade: Grade },
    NotFound { old: Vec<String> },
}

impl Problem {
    pub(super) fn into_error(self, source: &Source<'_>, index: usize, count: usize) -> Error {
        let which = if count == 1 {
            "the edit".to_owned()
        } else {
            format!("edit {} of {count}", index + 1)
        };
        match self {
            Self::EmptyOld => edit_error(
                format!("{which} has an empty `old`"),
                "give the text to replace; write_file replaces a whole file",
            ),
            Self::NoContext => edit_error(
                format!("{which} has no old line that proves its place"),
                "include a line or more of the present text around the change",
            ),
            Self::Ambiguous { lines, grade } => {
                let numbers: Vec<String> = lines.iter().map(ToString::to_string).collect();
                edit_error(
                    format!(
                        "{which} matches {} places ({grade}), at lines {}",
                        lines.len(),
                        numbers.join(", ")
                    ),
                    "include more surrounding lines so that the old text stands in one place only",
                )
            }
            Self::NotFound { old } => edit_error(
                format!("{which} was not found.{}", explain(source, &old)),
                "copy the old text from the file as it is now",
            ),
        }
    }
}

struct Candidate {
    start: usize,
    equal: usize,
}

/// The first differing line of the best place, then the other places.
fn explain(source: &Source<'_>, old: &[String]) -> String {
    let candidates = candidates(source, old);
    let Some(best) = candidates.first() else {
        return " No line of it is in the file.".to_owned();
    };
    let mut text = String::new();
    let differing = old
        .iter()
        .enumerate()
        .find(|(index, old)| source.line(best.start + index).trim_end() != old.trim_end());
    if let Some((index, old)) = differing {
        text.push_str(&format!(
            " Closest place: line {}. First differing line {}:\n  file: {}\n  old:  {}",
            best.start + 1,
            best.start + index + 1,
            shown(source.line(best.start + index)),
            shown(old),
        ));
    }
    for other in &candidates[1..] {
        text.push_str(&format!(
            "\nAlso possible: line {} ({} of {} lines equal): {}",
            other.start + 1,
            other.equal,
            old.len(),
            shown(source.line(other.start)),
        ));
    }
    text
}

fn candidates(source: &Source<'_>, old: &[String]) -> Vec<Candidate> {
    let lines = source.line_count().min(LINES_SEARCHED_MAX);
    let windows = (COMPARISONS_MAX / old.len().max(1)).min(lines);
    let mut found: Vec<(f32, Candidate)> = (0..windows)
        .filter_map(|start| {
            let (mut score, mut equal) = (0.0, 0);
            for (index, old) in old.iter().enumerate() {
                let (file, old) = (source.line(start + index).trim(), old.trim());
                if old.is_empty() {
                    continue;
                }
                if file == old {
                    // a bare `end` is weak evidence, a long line is strong
                    score += if old.len() > 4 { 1.0 } else { 0.2 };
                    equal += 1;
                } else if index == 0 || old_is_alone(old) {
                    score += likeness(file, old) * 0.8;
                }
            }
            (score >= 0.45).then_some((score, Candidate { start, equal }))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.start.cmp(&b.1.start)));
    found
        .into_iter()
        .take(CANDIDATES_MAX)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Definition heads are worth a closer look wherever they stand.
fn old_is_alone(old: &str) -> bool {
    old.starts_with("def")
}

/// Share of words two lines have in common, 0 to 1.
fn likeness(a: &str, b: &str) -> f32 {
    fn words(line: &str) -> Vec<&str> {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect()
    }
    let (a, b) = (words(a), words(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let shared = b.iter().filter(|word| a.contains(word)).count();
    #[expect(clippy::cast_precision_loss, reason = "a line has few words")]
    let ratio = shared as f32 / a.len().max(b.len()) as f32;
    ratio
}

fn shown(line: &str) -> String {
    let text: String = line.chars().take(LINE_CHARS_MAX).collect();
    if text.is_empty() {
        "(an empty line)".to_owned()
    } else {
        text
    }
}
