//! Six ways to break a real file inside a function's body, and what is still found.

use super::sources;
use aiex_analysis::{ChunkKind, FileAnalysis, FunctionKind, analyze_file};
use std::collections::BTreeSet;

/// Files taken from the corpus, spread evenly.
const SAMPLE: usize = 60;
const MIN_RECALL: f64 = 0.985;
const MIN_RECALL_CUT: f64 = 0.95;
const MIN_PRECISION: f64 = 0.95;

type Key = (String, FunctionKind, String, u8);

fn keys(file: &FileAnalysis) -> BTreeSet<Key> {
    let functions = file.chunks.iter().filter_map(|chunk| match chunk.kind {
        ChunkKind::Function { function } => Some((
            chunk.module.clone(),
            function,
            chunk.name.clone(),
            chunk.arity.1,
        )),
        _ => None,
    });
    functions.collect()
}

/// Byte offsets of lines inside the body of a function that spans several lines.
fn body_lines(file: &FileAnalysis, text: &str) -> Vec<usize> {
    let heads: Vec<u32> = text
        .lines()
        .zip(1u32..)
        .filter(|(line, _)| {
            let line = line.trim_start();
            line.starts_with("def")
                || line.starts_with('@')
                || line.is_empty()
                || line.starts_with('#')
        })
        .map(|(_, number)| number)
        .collect();
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let functions = file
        .chunks
        .iter()
        .filter(|chunk| matches!(chunk.kind, ChunkKind::Function { .. }));
    let mut lines = Vec::new();
    for span in functions.flat_map(|chunk| &chunk.spans) {
        for number in span.start_line + 1..span.end_line {
            let Some(at) = starts.get(number as usize - 1) else {
                continue;
            };
            let line = text[*at..].lines().next().unwrap_or_default();
            let in_code = line.starts_with("    ") && !line.trim_start().starts_with("iex>");
            if heads.binary_search(&number).is_err()
                && in_code
                && is_code(text, span.start_byte as usize, *at)
            {
                lines.push(*at);
            }
        }
    }
    lines
}

/// True when no heredoc is open at `at`.
fn is_code(text: &str, from: usize, at: usize) -> bool {
    let before = &text[from..at];
    before.matches("\"\"\"").count().is_multiple_of(2) && before.contains("def")
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Damage {
    EndDeleted,
    HalfTyped,
    OpenParenthesis,
    OpenQuote,
    Cut,
}

fn break_it(text: &str, at: usize, damage: Damage) -> Option<String> {
    let line_end = text[at..].find('\n').map(|length| at + length)?;
    Some(match damage {
        Damage::EndDeleted => {
            let end = text[at..].find("    end\n").map(|offset| at + offset)?;
            format!("{}{}", &text[..end], &text[end + 8..])
        }
        Damage::HalfTyped => format!(
            "{}\n    value = foo.\n{}",
            &text[..line_end],
            &text[line_end + 1..]
        ),
        Damage::OpenParenthesis => format!("{} foo(\n{}", &text[..line_end], &text[line_end + 1..]),
        Damage::OpenQuote => format!("{} \"\n{}", &text[..line_end], &text[line_end + 1..]),
        Damage::Cut => text[..line_end].to_owned(),
    })
}

fn score(damage: Damage, sample: &[(&str, &str, FileAnalysis)]) -> (f64, f64) {
    let (mut expected, mut found, mut both) = (0, 0, 0);
    for (index, (path, text, intact)) in sample.iter().enumerate() {
        let lines = body_lines(intact, text);
        if lines.is_empty() {
            continue;
        }
        let at = match damage {
            Damage::Cut => *lines
                .iter()
                .find(|at| **at * 10 > text.len() * (4 + index % 5))
                .unwrap_or(&lines[0]),
            _ => lines[(index * 7919) % lines.len()],
        };
        let Some(broken) = break_it(text, at, damage) else {
            continue;
        };
        let before: BTreeSet<Key> = if damage == Damage::Cut {
            // Only what stands before the cut can be expected.
            let kept = intact.chunks.iter().filter(|chunk| {
                chunk
                    .spans
                    .iter()
                    .any(|span| head_before(text, span.start_byte as usize, at))
            });
            let ids: BTreeSet<&str> = kept.map(|chunk| chunk.id.as_str()).collect();
            let mut file = intact.clone();
            file.chunks.retain(|chunk| ids.contains(chunk.id.as_str()));
            keys(&file)
        } else {
            keys(intact)
        };
        let after = keys(&analyze_file(path, &broken));
        if std::env::args().any(|argument| argument == "--nocapture") {
            for lost in before.difference(&after).take(3) {
                println!("{damage:?} {path}@{at}: lost {lost:?}");
            }
            for wrong in after.difference(&before).take(3) {
                println!("{damage:?} {path}@{at}: wrong {wrong:?}");
            }
        }
        expected += before.len();
        found += after.len();
        both += before.intersection(&after).count();
    }
    (
        both as f64 / expected.max(1) as f64,
        both as f64 / found.max(1) as f64,
    )
}

fn head_before(text: &str, start: usize, cut: usize) -> bool {
    start < cut && text[start..cut].contains("def")
}

#[test]
fn damage_costs_little() {
    let sources = sources();
    let step = (sources.len() / SAMPLE).max(1);
    let sample: Vec<(&str, &str, FileAnalysis)> = sources
        .iter()
        .step_by(step)
        .map(|(path, text)| (path.as_str(), text.as_str(), analyze_file(path, text)))
        .filter(|(_, _, file)| !file.has_error)
        .collect();
    let mut failures = Vec::new();
    for damage in [
        Damage::EndDeleted,
        Damage::HalfTyped,
        Damage::OpenParenthesis,
        Damage::OpenQuote,
        Damage::Cut,
    ] {
        let (recall, precision) = score(damage, &sample);
        println!("{damage:?}: recall {recall:.3}, precision {precision:.3}");
        let bound = if damage == Damage::Cut {
            MIN_RECALL_CUT
        } else {
            MIN_RECALL
        };
        if recall < bound || precision < MIN_PRECISION {
            failures.push(format!("{damage:?} {recall:.3}/{precision:.3}"));
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
