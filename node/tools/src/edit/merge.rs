//! Three-way merge of a change made to an older version of a file.

use similar::TextMerge;

/// Merges `theirs`, made from `base`, into `ours`; `None` when both changed the same lines differently.
pub fn three_way(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let merge = TextMerge::from_lines(base, ours, theirs);
    (!merge.is_conflicted()).then(|| merge.to_string())
}
