//! Paths as the tools accept them: checked once, as text, before the kernel is asked anything.
//!
//! A [`WorkspacePath`] is always relative and holds no `..`, so joining it to anything cannot climb.
//! It is not a permission: the kernel still resolves it beneath a directory descriptor.

use std::fmt;

use crate::error::{Error, Result};

/// Longest path in bytes.
pub const PATH_BYTES_MAX: usize = 4096;
/// Longest name between two slashes in bytes; what Linux file systems allow.
const NAME_BYTES_MAX: usize = 255;

/// A checked path beneath a root, with `/` between names; empty means the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspacePath(String);

impl WorkspacePath {
    /// The root itself.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Checks a path text. No decoding is done: what JSON gave is the name.
    ///
    /// # Errors
    /// [`Error::PathRefused`] for an empty, absolute, climbing, over-long or disguised path.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with('/') {
            return Err(refused(text, "it is absolute"));
        }
        Self::parse_beneath(text)
    }

    /// Checks the part of an absolute path that lies beneath an allowed outside directory.
    pub(crate) fn parse_beneath(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(refused(text, "it is empty"));
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(refused(text, "it is longer than 4096 bytes"));
        }
        if text.contains('\0') {
            return Err(refused(text, "it contains a NUL byte"));
        }
        if text.chars().any(char::is_control) {
            return Err(refused(text, "it contains a control character"));
        }
        if text.chars().any(is_invisible) {
            return Err(refused(
                text,
                "it contains invisible or direction-changing characters",
            ));
        }
        if text.contains('\\') {
            return Err(refused(text, "it contains a backslash"));
        }
        let mut names = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => return Err(refused(text, "it contains `..`")),
                name if name.len() > NAME_BYTES_MAX => {
                    return Err(refused(text, "a name in it is longer than 255 bytes"));
                }
                name => names.push(name),
            }
        }
        Ok(Self(names.join("/")))
    }

    /// The text, without leading or doubled slashes; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the kernel is given: never empty.
    pub(crate) fn for_kernel(&self) -> &str {
        if self.0.is_empty() { "." } else { &self.0 }
    }

    /// The directory that holds it and its last name; `None` for the root.
    pub(crate) fn split_last(&self) -> Option<(WorkspacePath, &str)> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.0.rsplit_once('/') {
            Some((parent, name)) => (Self(parent.to_owned()), name),
            None => (Self::root(), &self.0),
        })
    }

    /// The path of a name inside this directory.
    pub(crate) fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}/{name}", self.0))
        }
    }

    /// Says whether any name in the path is one that tools never write: `.git`, `.aiex…`.
    pub fn is_protected(&self) -> bool {
        self.0.split('/').any(is_protected_name)
    }
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.for_kernel())
    }
}

/// Compares without case, and as case-folding or short-name file systems would.
fn is_protected_name(name: &str) -> bool {
    let folded = name.to_lowercase();
    let folded = folded.trim_end_matches(['.', ' ']);
    folded == ".git" || folded == "git~1" || folded.starts_with(".aiex")
}

/// Zero-width, bidirectional and byte-order characters: they make two names look alike.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn refused(path: &str, reason: &'static str) -> Error {
    Error::PathRefused {
        path: shown(path),
        reason,
    }
}

/// A path fit for a message: escaped, and cut at 200 characters.
fn shown(path: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    let mut text: String = path
        .chars()
        .take(SHOWN_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if path.chars().nth(SHOWN_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        match WorkspacePath::parse(text) {
            Err(Error::PathRefused { reason, .. }) => reason,
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn refuses_what_could_climb_or_deceive() {
        for (text, expected) in [
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("../x", "it contains `..`"),
            ("lib/../../x", "it contains `..`"),
            ("lib/a\0.ex", "it contains a NUL byte"),
            ("lib/a\n.ex", "it contains a control character"),
            (
                "lib/a\u{202e}xe.ex",
                "it contains invisible or direction-changing characters",
            ),
            (
                ".g\u{200c}it/config",
                "it contains invisible or direction-changing characters",
            ),
            ("lib\\..\\x", "it contains a backslash"),
        ] {
            assert_eq!(reason(text), expected, "{text:?}");
        }
        assert_eq!(reason(&"a/".repeat(2049)), "it is longer than 4096 bytes");
        assert_eq!(
            reason(&"a".repeat(256)),
            "a name in it is longer than 255 bytes"
        );
    }

    #[test]
    fn normalises_dots_and_slashes() {
        for (text, expected) in [
            ("./lib//a.ex", "lib/a.ex"),
            (".", ""),
            ("lib/", "lib"),
            ("a..b", "a..b"),
        ] {
            assert_eq!(WorkspacePath::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn protects_git_and_own_files_in_every_spelling() {
        for text in [
            ".git/config",
            "deps/x/.GIT/hooks/pre-commit",
            ".aiex.toml",
            ".Aiex",
            "GIT~1/x",
            ".git./x",
        ] {
            assert!(WorkspacePath::parse(text).unwrap().is_protected(), "{text}");
        }
        for text in [
            ".gitignore",
            "lib/git.ex",
            "aiex.toml",
            ".github/workflows/ci.yml",
        ] {
            assert!(
                !WorkspacePath::parse(text).unwrap().is_protected(),
                "{text}"
            );
        }
    }
}
