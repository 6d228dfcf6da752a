//! One ledger line: checksum, kind, call, arguments, JSON; readable by people, checked by machines.

/// What a line records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Intent,
    Applied,
    Outcome,
    Forgotten,
}

impl Kind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Intent, "intent"),
        (Self::Applied, "applied"),
        (Self::Outcome, "outcome"),
        (Self::Forgotten, "forgotten"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'l> {
    pub(super) kind: Kind,
    pub(super) id: &'l str,
    pub(super) arguments: &'l str,
    pub(super) json: &'l str,
}

impl<'l> Line<'l> {
    /// The line with its ending.
    pub(super) fn encode(&self) -> String {
        let body = format!(
            "{} {} {} {}",
            self.kind.name(),
            self.id,
            self.arguments,
            self.json
        );
        format!("{} {body}\n", checksum(&body))
    }

    /// `None` when anything about it is wrong.
    pub(super) fn decode(text: &'l str) -> Option<Self> {
        let (sum, body) = text.strip_suffix('\n')?.split_once(' ')?;
        if sum != checksum(body) {
            return None;
        }
        let mut parts = body.splitn(4, ' ');
        let kind = parts.next()?;
        let (kind, _) = Kind::ALL.into_iter().find(|(_, name)| *name == kind)?;
        Some(Self {
            kind,
            id: parts.next()?,
            arguments: parts.next()?,
            json: parts.next()?,
        })
    }
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex()[..16].to_owned()
}
