//! The bearer token, kept out of logs.

use crate::Error;
use aiex_proto::code::ErrorCode;
use std::fmt;
use tonic::metadata::{Ascii, MetadataValue};

/// Most bytes of a token.
const TOKEN_BYTES_MAX: usize = 4096;

/// A bearer token that is ready to send. Its debug form never shows the secret.
#[derive(Clone)]
pub struct Token {
    header: MetadataValue<Ascii>,
}

impl Token {
    /// Checks and wraps a token; white space around it is removed.
    ///
    /// # Errors
    /// `Unauthenticated` when the token is empty, above 4096 bytes or not printable ASCII.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > TOKEN_BYTES_MAX || !printable {
            return Err(malformed());
        }
        let mut header: MetadataValue<Ascii> =
            format!("Bearer {text}").parse().map_err(|_| malformed())?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    pub(crate) fn header(&self) -> MetadataValue<Ascii> {
        self.header.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

fn malformed() -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        "the token is empty or holds characters a token cannot have",
        "a token looks like aiex_…; make one with: aiex create token",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_never_shows() {
        let token = Token::new(" aiex_1_secret\n").expect("a valid token");
        assert_eq!(format!("{token:?}"), "Token(redacted)");
        assert!(!format!("{:?}", token.header()).contains("secret"));
        assert_eq!(token.header().to_str().ok(), Some("Bearer aiex_1_secret"));
    }

    #[test]
    fn malformed_tokens_are_refused_before_they_travel() {
        for bad in ["", "  ", "two words", "ü", &"x".repeat(5000)] {
            assert!(Token::new(bad).is_err(), "{bad}");
        }
    }
}
