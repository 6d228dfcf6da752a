//! Finds where an old text stands: exact first, then but for line-end blanks, then but for indentation.
//!
//! The first grade with any match decides, and must have exactly one; a looser grade is never asked to
//! break a tie.

use super::{
    Grade, Hunk, HunkLine, Replacement, Splice,
    mismatch::Problem,
    source::{Source, bare},
};

/// Line-wise grades, strictest first.
const GRADES: [Grade; 3] = [Grade::Exact, Grade::TrailingWhitespace, Grade::Indentation];

/// Places a search/replace pair.
pub(super) fn pair(source: &Source<'_>, pair: &Replacement) -> Result<Splice, Problem> {
    if pair.old.is_empty() {
        return Err(Problem::EmptyOld);
    }
    let old = source.with_ending(&pair.old);
    let new = source.with_ending(&pair.new);
    let starts = occurrences(source.text, &old);
    match starts[..] {
        [start] => {
            return Ok(Splice {
                range: start..start + old.len(),
                text: new,
                grade: Grade::Exact,
            });
        }
        [] => {}
        _ => {
            return Err(Problem::Ambiguous {
                lines: starts
                    .iter()
                    .map(|start| source.line_number(*start))
                    .collect(),
                grade: Grade::Exact,
            });
        }
    }
    let lines = as_hunk_lines(&pair.old, &pair.new);
    place_lines(
        source,
        &Hunk {
            lines,
            ..Hunk::default()
        },
        &GRADES[1..],
    )
}

/// Places a hunk of a patch.
pub(super) fn hunk(source: &Source<'_>, hunk: &Hunk) -> Result<Splice, Problem> {
    if hunk
        .lines
        .iter()
        .all(|line| matches!(line, HunkLine::Added(_)))
    {
        // nothing in the file proves the place: only an empty file has just one
        if source.text.is_empty() {
            let added: Vec<&str> = hunk.lines.iter().map(new_text).collect();
            return Ok(Splice {
                range: 0..0,
                text: added.join("\n") + "\n",
                grade: Grade::Exact,
            });
        }
        return Err(Problem::NoContext);
    }
    place_lines(source, hunk, &GRADES)
}

/// Start offsets of every occurrence, overlapping ones included.
fn occurrences(text: &str, wanted: &str) -> Vec<usize> {
    const REPORTED_MAX: usize = 20;
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(wanted) {
        found.push(from + at);
        if found.len() == REPORTED_MAX {
            break;
        }
        from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
    }
    found
}

/// Turns a pair into hunk lines; the lines both share at either end become context.
fn as_hunk_lines(old: &str, new: &str) -> Vec<HunkLine> {
    let (old, new) = (lines_of(old), lines_of(new));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let own = |line: &&str| (*line).to_owned();
    old[..head]
        .iter()
        .map(|line| HunkLine::Context(own(line)))
        .chain(
            old[head..old.len() - tail]
                .iter()
                .map(|line| HunkLine::Removed(own(line))),
        )
        .chain(
            new[head..new.len() - tail]
                .iter()
                .map(|line| HunkLine::Added(own(line))),
        )
        .chain(
            old[old.len() - tail..]
                .iter()
                .map(|line| HunkLine::Context(own(line))),
        )
        .collect()
}

fn lines_of(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').map(bare).collect()
}

fn place_lines(source: &Source<'_>, hunk: &Hunk, grades: &[Grade]) -> Result<Splice, Problem> {
    let old: Vec<&str> = hunk.lines.iter().filter_map(old_text).collect();
    if old.iter().all(|line| line.trim().is_empty()) {
        // blank lines are everywhere; they prove no place
        return Err(Problem::NoContext);
    }
    for grade in grades {
        let starts = matches(source, &old, *grade);
        if starts.is_empty() {
            continue;
        }
        let start = choose(source, hunk, &starts, old.len()).ok_or_else(|| Problem::Ambiguous {
            lines: starts.iter().take(20).map(|start| start + 1).collect(),
            grade: *grade,
        })?;
        return Ok(splice(source, hunk, start, &old, *grade));
    }
    Err(Problem::NotFound {
        old: old.iter().map(|line| (*line).to_owned()).collect(),
    })
}

fn matches(source: &Source<'_>, old: &[&str], grade: Grade) -> Vec<usize> {
    let Some(last) = source.line_count().checked_sub(old.len()) else {
        return Vec::new();
    };
    (0..=last)
        .filter(|start| {
            let window = old
                .iter()
                .enumerate()
                .map(|(index, old)| (source.line(start + index), *old));
            match grade {
                Grade::Exact => window.into_iter().all(|(file, old)| file == old),
                Grade::TrailingWhitespace => window
                    .into_iter()
                    .all(|(file, old)| file.trim_end() == old.trim_end()),
                _ => Shift::of(window).is_some(),
            }
        })
        .collect()
}

/// Picks the only match, or the only one that the patch's own words point at.
fn choose(source: &Source<'_>, hunk: &Hunk, starts: &[usize], length: usize) -> Option<usize> {
    let only = |kept: Vec<usize>| {
        if let [start] = kept[..] {
            Some(start)
        } else {
            None
        }
    };
    if let [start] = starts {
        return Some(*start);
    }
    if hunk.at_end {
        return only(
            starts
                .iter()
                .copied()
                .filter(|start| start + length == source.line_count())
                .collect(),
        );
    }
    if let Some(line) = hunk.line {
        return starts.iter().copied().find(|start| start + 1 == line);
    }
    let anchor = hunk.anchor.as_deref()?.trim();
    let anchors: Vec<usize> = (0..source.line_count())
        .filter(|index| source.line(*index).trim() == anchor)
        .collect();
    let anchor = only(anchors)?;
    starts.iter().copied().find(|start| *start >= anchor)
}

fn splice(source: &Source<'_>, hunk: &Hunk, start: usize, old: &[&str], grade: Grade) -> Splice {
    let shift = match grade {
        Grade::Indentation => Shift::of(
            old.iter()
                .enumerate()
                .map(|(index, old)| (source.line(start + index), *old)),
        ),
        _ => None,
    };
    let mut at = start;
    let mut lines: Vec<String> = Vec::new();
    for line in &hunk.lines {
        match line {
            // the file's own bytes, not the patch's idea of them
            HunkLine::Context(_) => {
                lines.push(source.line(at).to_owned());
                at += 1;
            }
            HunkLine::Removed(_) => at += 1,
            HunkLine::Added(text) => lines.push(
                shift
                    .as_ref()
                    .map_or_else(|| text.clone(), |shift| shift.apply(text)),
            ),
        }
    }
    let last = start + old.len() - 1;
    let first_byte = source.line_range(start).start;
    if lines.is_empty() {
        let end = source.next_start(last);
        return Splice {
            range: first_byte..end,
            text: String::new(),
            grade,
        };
    }
    Splice {
        range: first_byte..source.line_range(last).end,
        text: lines.join(source.ending),
        grade,
    }
}

fn old_text(line: &HunkLine) -> Option<&str> {
    match line {
        HunkLine::Context(text) | HunkLine::Removed(text) => Some(text),
        HunkLine::Added(_) => None,
    }
}

fn new_text(line: &HunkLine) -> &str {
    match line {
        HunkLine::Context(text) | HunkLine::Removed(text) | HunkLine::Added(text) => text,
    }
}

/// The one indentation by which the file's lines differ from the wanted ones.
#[derive(Debug, PartialEq, Eq)]
enum Shift {
    In(String),
    Out(String),
}

impl Shift {
    fn of<'a>(window: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut shift: Option<Self> = None;
        for (file, old) in window {
            let (file, old) = (file.trim_end(), old.trim_end());
            if file.trim_start() != old.trim_start() {
                return None;
            }
            if file.is_empty() {
                continue;
            }
            let file_indent = &file[..file.len() - file.trim_start().len()];
            let old_indent = &old[..old.len() - old.trim_start().len()];
            let here = if let Some(more) = file_indent.strip_suffix(old_indent) {
                Self::In(more.to_owned())
            } else {
                Self::Out(old_indent.strip_suffix(file_indent)?.to_owned())
            };
            match &shift {
                Some(known) if *known != here => return None,
                Some(_) => {}
                None => shift = Some(here),
            }
        }
        shift
    }

    fn apply(&self, line: &str) -> String {
        if line.trim().is_empty() {
            return String::new();
        }
        match self {
            Self::In(more) => format!("{more}{line}"),
            Self::Out(less) => line
                .strip_prefix(less.as_str())
                .unwrap_or_else(|| line.trim_start())
                .to_owned(),
        }
    }
}
