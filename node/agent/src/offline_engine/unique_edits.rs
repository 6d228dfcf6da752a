//! Splices as search/replace edits of whole lines, each with just enough context to stand in one place only.
//!
//! A rename touches few lines of large files; the event log should carry the lines, not the files.

use aiex_analysis::refactor::Splice;
use serde::Serialize;

/// One edit as the edit tools take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Edit {
    pub(super) old: String,
    pub(super) new: String,
}

/// A run of lines `first..end` that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    first: usize,
    end: usize,
}

/// Turns splices (ascending, apart from each other) into edits that apply to `before` in any order.
pub(super) fn unique_edits(before: &str, splices: &[Splice]) -> Vec<Edit> {
    let starts = line_starts(before);
    let lines = starts.len() - 1;
    let line_of = |byte: u32| {
        let after = starts[..lines].partition_point(|start| *start <= byte as usize);
        after.saturating_sub(1)
    };
    let touched = splices.iter().map(|splice| Block {
        first: line_of(splice.start),
        end: line_of(splice.end.saturating_sub(1).max(splice.start)) + 1,
    });
    let mut blocks = merged(touched);
    loop {
        let wider = merged(blocks.iter().map(|block| widened(before, &starts, *block)));
        if wider == blocks {
            break;
        }
        blocks = wider;
    }
    blocks
        .iter()
        .map(|block| edit(before, &starts, *block, splices))
        .collect()
}

/// Start of every line, and the end of the text.
fn line_starts(text: &str) -> Vec<usize> {
    let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = std::iter::once(0)
        .chain(after_newlines)
        .filter(|start| *start < text.len())
        .collect();
    if starts.is_empty() {
        starts.push(0);
    }
    starts.push(text.len());
    starts
}

fn merged(blocks: impl Iterator<Item = Block>) -> Vec<Block> {
    let mut merged: Vec<Block> = Vec::new();
    for block in blocks {
        match merged.last_mut() {
            Some(last) if block.first <= last.end => last.end = last.end.max(block.end),
            _ => merged.push(block),
        }
    }
    merged
}

/// One line more on both sides while the text of the block stands in more than one place.
fn widened(before: &str, starts: &[usize], block: Block) -> Block {
    let lines = starts.len() - 1;
    let text = &before[starts[block.first]..starts[block.end]];
    let whole = block.first == 0 && block.end == lines;
    if whole || stands_once(before, text) {
        return block;
    }
    Block {
        first: block.first.saturating_sub(1),
        end: (block.end + 1).min(lines),
    }
}

/// Overlapping places count: an edit engine may not choose between them.
fn stands_once(text: &str, part: &str) -> bool {
    let Some(first) = text.find(part) else {
        return false;
    };
    let next = text[first..].chars().next().map_or(1, char::len_utf8);
    !text[first + next..].contains(part)
}

fn edit(before: &str, starts: &[usize], block: Block, splices: &[Splice]) -> Edit {
    let (start, end) = (starts[block.first], starts[block.end]);
    let mut new = String::new();
    let mut at = start;
    for splice in splices {
        let (from, to) = (splice.start as usize, splice.end as usize);
        if from < start || to > end {
            continue;
        }
        new.push_str(&before[at..from]);
        new.push_str(&splice.text);
        at = to;
    }
    new.push_str(&before[at..end]);
    Edit {
        old: before[start..end].to_owned(),
        new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiex_analysis::refactor::apply;
    use proptest::prelude::*;

    fn splice(before: &str, old: &str, nth: usize, new: &str) -> Splice {
        let (at, _) = before.match_indices(old).nth(nth).expect("there");
        Splice {
            start: u32::try_from(at).expect("small"),
            end: u32::try_from(at + old.len()).expect("small"),
            text: new.to_owned(),
        }
    }

    /// Applies edits the way the tools do: each `old` must stand once in the text as it was.
    fn applied(before: &str, edits: &[Edit]) -> String {
        let mut places: Vec<(usize, &Edit)> = edits
            .iter()
            .map(|edit| {
                assert!(
                    stands_once(before, &edit.old),
                    "{:?} stands more than once",
                    edit.old
                );
                (before.find(&edit.old).expect("there"), edit)
            })
            .collect();
        places.sort_by_key(|(at, _)| *at);
        let (mut text, mut at) = (String::new(), 0);
        for (start, edit) in places {
            text.push_str(&before[at..start]);
            text.push_str(&edit.new);
            at = start + edit.old.len();
        }
        text + &before[at..]
    }

    #[test]
    fn a_line_that_stands_once_is_its_own_context() {
        let before = "def a do\n  f(1)\nend\n";
        let edits = unique_edits(before, &[splice(before, "f(", 0, "g(")]);
        assert_eq!(
            edits,
            [Edit {
                old: "  f(1)\n".to_owned(),
                new: "  g(1)\n".to_owned()
            }]
        );
    }

    #[test]
    fn repeated_lines_get_context_until_they_differ() {
        let before = "def a do\n  f(1)\nend\n\ndef b do\n  f(1)\nend\n";
        let second = [splice(before, "f(", 1, "g(")];
        let edits = unique_edits(before, &second);
        assert_eq!(
            applied(before, &edits),
            "def a do\n  f(1)\nend\n\ndef b do\n  g(1)\nend\n"
        );
    }

    #[test]
    fn a_file_of_equal_lines_is_one_edit() {
        let before = "f\nf\nf\n";
        let edits = unique_edits(before, &[splice(before, "f", 1, "g")]);
        assert_eq!(applied(before, &edits), "f\ng\nf\n");
    }

    proptest! {
        #[test]
        fn edits_do_what_the_splices_do(lines in proptest::collection::vec(0u8..3, 1..30), picks in proptest::collection::btree_set(0usize..30, 1..6), last_newline: bool) {
            let mut before: String = lines.iter().map(|kind| ["f()\n", "end\n", "é f() f()\n"][*kind as usize]).collect();
            if !last_newline {
                before.pop();
            }
            let places = before.match_indices("f()").count();
            let picks: Vec<usize> = picks.into_iter().filter(|pick| *pick < places).collect();
            let splices: Vec<Splice> = picks.iter().map(|pick| splice(&before, "f()", *pick, "long_name()")).collect();
            prop_assume!(!splices.is_empty());
            let edits = unique_edits(&before, &splices);
            prop_assert_eq!(applied(&before, &edits), apply(&before, &splices).expect("applies"));
        }
    }
}
