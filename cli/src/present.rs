//! Text for people: tables, diffs, verdicts, transcripts. Pure: data in, text out.

pub(crate) mod diff;
pub(crate) mod preview;
pub(crate) mod table;
pub(crate) mod transcript;
pub(crate) mod verdict;

#[cfg(test)]
mod tests;
