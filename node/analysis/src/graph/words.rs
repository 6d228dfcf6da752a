//! Nearness of names, for suggestions.

/// Longest name compared; longer ones are cut.
const MAX_COMPARED: usize = 120;

/// Returns the number of single-character edits between two names, ignoring case.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left
        .chars()
        .take(MAX_COMPARED)
        .flat_map(char::to_lowercase)
        .collect();
    let right: Vec<char> = right
        .chars()
        .take(MAX_COMPARED)
        .flat_map(char::to_lowercase)
        .collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}
