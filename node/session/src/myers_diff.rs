//! Line diffs by Myers' algorithm, printed as unified diffs that `patch` accepts.

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use std::fmt::Write;
use std::ops::Range;

/// Lines shown around a change.
const CONTEXT_LINES: u32 = 3;

/// A diff between two versions of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDiff {
    /// Empty when nothing differs.
    pub unified: String,
    pub lines_added: u32,
    pub lines_removed: u32,
}

impl LineDiff {
    /// Lines added and lines removed.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.lines_added, self.lines_removed)
    }
}

/// Compares two versions line by line; `None` is a file that does not exist.
pub fn line_diff(path: &str, before: Option<&str>, after: Option<&str>) -> LineDiff {
    let old: Vec<&str> = lines(before.unwrap_or_default());
    let new: Vec<&str> = lines(after.unwrap_or_default());
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let mut unified = String::new();
    let hunks: Vec<Hunk> = diff.hunks().collect();
    if !hunks.is_empty() || before.is_some() != after.is_some() {
        let name = |side: &str, exists: bool| {
            let there = format!("{side}/{path}");
            if exists {
                there
            } else {
                "/dev/null".to_owned()
            }
        };
        let old_name = name("a", before.is_some());
        let new_name = name("b", after.is_some());
        unified = format!("--- {old_name}\n+++ {new_name}\n");
    }
    for group in grouped(&hunks) {
        print_group(&mut unified, group, &old, &new);
    }
    LineDiff {
        unified,
        lines_added: diff.count_additions(),
        lines_removed: diff.count_removals(),
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Hunks whose context would touch are printed under one header.
fn grouped(hunks: &[Hunk]) -> impl Iterator<Item = &[Hunk]> {
    hunks.chunk_by(|one, next| next.before.start - one.before.end <= 2 * CONTEXT_LINES)
}

fn print_group(out: &mut String, group: &[Hunk], old: &[&str], new: &[&str]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    let lead = first.before.start.min(CONTEXT_LINES);
    let trail = (old.len() as u32 - last.before.end).min(CONTEXT_LINES);
    let before = first.before.start - lead..last.before.end + trail;
    let after = first.after.start - lead..last.after.end + trail;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "@@ -{} +{} @@", span(&before), span(&after));
    let mut at = before.start;
    for hunk in group {
        print_lines(out, ' ', old, at..hunk.before.start);
        print_lines(out, '-', old, hunk.before.clone());
        print_lines(out, '+', new, hunk.after.clone());
        at = hunk.before.end;
    }
    print_lines(out, ' ', old, at..before.end);
}

/// `start,length` with lines counted from 1; an empty side names the line before it.
fn span(range: &Range<u32>) -> String {
    let length = range.end - range.start;
    let start = if length == 0 {
        range.start
    } else {
        range.start + 1
    };
    format!("{start},{length}")
}

fn print_lines(out: &mut String, mark: char, lines: &[&str], range: Range<u32>) {
    for line in &lines[range.start as usize..range.end as usize] {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests;
