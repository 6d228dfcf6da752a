//! The seam to a parser: this crate brings none, the caller lends one.

/// A place where a text is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    pub message: String,
}

/// Checks whether a text parses. Must be quick and must not run the project's code.
pub trait SyntaxCheck: Send + Sync {
    /// Lists what is wrong; empty when the text parses, or is of a kind the checker does not know.
    fn check(&self, path: &str, text: &str) -> Vec<SyntaxProblem>;
}
