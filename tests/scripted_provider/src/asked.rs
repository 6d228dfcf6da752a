//! A request in either dialect, reduced to what choosing and billing need.

/// Who said a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    User,
    Assistant,
    /// The result of a tool.
    Tool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Turn {
    pub speaker: Speaker,
    /// All its text: what was said, arguments of calls, results.
    pub text: String,
}

/// What a caller asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub model: String,
    pub stream: bool,
    /// OpenAI: `stream_options.include_usage`.
    pub include_usage: bool,
    pub system: String,
    pub turns: Vec<Turn>,
    /// The tools as they were sent.
    pub tools: String,
    /// The caller's `idempotency-key`; empty when it sent none.
    pub call_id: String,
    /// Anthropic: the caller marked a prefix for the cache.
    pub cache_marked: bool,
}

impl Asked {
    /// Assistant messages so far.
    pub fn assistant_messages(&self) -> usize {
        self.turns
            .iter()
            .filter(|turn| turn.speaker == Speaker::Assistant)
            .count()
    }

    /// Bytes of input that are billed.
    pub(crate) fn input_bytes(&self) -> usize {
        let said: usize = self.turns.iter().map(|turn| turn.text.len()).sum();
        self.prefix_bytes() + said
    }

    /// Bytes of the prefix a cache may keep: tools and system.
    pub(crate) fn prefix_bytes(&self) -> usize {
        self.system.len() + self.tools.len()
    }

    /// Names this conversation up to here; equal for a repeated request.
    pub(crate) fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for text in [&self.model, &self.system, &self.tools] {
            digest.text(text);
        }
        for turn in &self.turns {
            digest.text(match turn.speaker {
                Speaker::User => "user",
                Speaker::Assistant => "assistant",
                Speaker::Tool => "tool",
            });
            digest.text(&turn.text);
        }
        digest.0
    }

    pub(crate) fn prefix_digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.text(&self.system);
        digest.text(&self.tools);
        digest.0
    }
}

/// FNV-1a over texts, each ended so that they do not run together. Stable over builds.
pub(crate) struct Digest(pub(crate) u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(crate) fn text(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
