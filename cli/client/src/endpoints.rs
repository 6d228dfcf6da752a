//! Where the cluster may be reached: one or more addresses, tried in order.

use crate::Error;
use aiex_proto::code::ErrorCode;
use std::fmt;

/// Most addresses one list may hold.
pub const ENDPOINTS_MAX: usize = 32;

/// A checked, non-empty list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints(Vec<String>);

impl Endpoints {
    /// Reads a comma-separated list. `host:port` means `http://host:port`.
    ///
    /// # Errors
    /// `InvalidArgument` when the list is empty, too long, or holds something that is not an address.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut addresses = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let address = normalise(part)?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(invalid("the list of endpoints is empty"));
        }
        if addresses.len() > ENDPOINTS_MAX {
            return Err(invalid(format!("more than {ENDPOINTS_MAX} endpoints")));
        }
        Ok(Self(addresses))
    }

    /// The addresses in order of preference.
    pub fn addresses(&self) -> &[String] {
        &self.0
    }

    /// Puts an address first, so that the next connection tries it first.
    pub(crate) fn prefer(&mut self, address: &str) {
        let Ok(address) = normalise(address) else {
            return;
        };
        self.0.retain(|known| *known != address);
        self.0.insert(0, address);
        self.0.truncate(ENDPOINTS_MAX);
    }

    /// Puts an address last, because it just failed.
    pub(crate) fn defer(&mut self, address: &str) {
        if let Some(place) = self.0.iter().position(|known| known == address) {
            let failed = self.0.remove(place);
            self.0.push(failed);
        }
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

fn normalise(part: &str) -> Result<String, Error> {
    let with_scheme = if part.contains("://") {
        part.trim_end_matches('/').to_owned()
    } else {
        format!("http://{}", part.trim_end_matches('/'))
    };
    let uri: tonic::transport::Uri = with_scheme
        .parse()
        .map_err(|_| invalid(format!("'{part}' is not an endpoint")))?;
    let known_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain_path = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    let anonymous = uri
        .authority()
        .is_none_or(|authority| !authority.as_str().contains('@'));
    if !known_scheme || uri.host().is_none_or(str::is_empty) || !plain_path || !anonymous {
        return Err(invalid(format!("'{part}' is not an endpoint")));
    }
    Ok(with_scheme)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        message,
        "an endpoint is host:port, http://host:port or https://host:port; separate several by commas",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_normalised_and_deduplicated() {
        let list =
            Endpoints::parse(" a:7400, http://b:7400/ ,a:7400,https://c").expect("a valid list");
        assert_eq!(
            list.addresses(),
            ["http://a:7400", "http://b:7400", "https://c"]
        );
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        for bad in [
            "",
            " , ",
            "ftp://a",
            "http://",
            "a b:1",
            "http://a/path",
            "http://user:secret@a:1",
        ] {
            let error = Endpoints::parse(bad).expect_err(bad);
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn a_preferred_address_moves_to_the_front_once() {
        let mut list = Endpoints::parse("a:1,b:2").expect("a valid list");
        list.prefer("b:2");
        list.prefer("not an address");
        assert_eq!(list.addresses(), ["http://b:2", "http://a:1"]);
        list.defer("http://b:2");
        list.defer("http://unknown:1");
        assert_eq!(list.addresses(), ["http://a:1", "http://b:2"]);
    }
}
