//! A step made concrete: ids and signatures given, faults of content applied, tokens counted.

use crate::asked::{Asked, Digest};
use crate::bill::tokens;
use crate::script::{Fault, Part, Step, Stop};
use serde_json::Value;

/// One part as it will be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spoken {
    Text(String),
    Thinking {
        text: String,
        signature: String,
    },
    RedactedThinking(String),
    Tool {
        id: String,
        name: String,
        arguments: String,
    },
}

impl Spoken {
    /// Bytes billed as output. Encrypted reasoning is billed by its length too.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Thinking { text, .. } | Self::RedactedThinking(text) => {
                text.len()
            }
            Self::Tool {
                name, arguments, ..
            } => name.len() + arguments.len(),
        }
    }

    const fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::RedactedThinking(_))
    }
}

/// Tokens of one answer. Cached input is inside `input`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
    pub(crate) thinking: u64,
}

/// What is said, whatever the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Performance {
    /// Sixteen hexadecimal digits; the same for a repeated request.
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) parts: Vec<Spoken>,
    pub(crate) stop: Stop,
    /// The truth.
    pub(crate) billed: Tally,
    /// What the caller is told.
    pub(crate) reported: Tally,
    pub(crate) include_usage: bool,
    pub(crate) interleave: bool,
    pub(crate) created_unix_s: i64,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// Output tokens charged once it is sent.
    pub(crate) output_tokens: u64,
}

/// Puts a step into concrete words for this request.
pub(crate) fn perform(
    step: &Step,
    step_name: &str,
    fault: &Fault,
    asked: &Asked,
    (cache_read, cache_write): (u64, u64),
    created_unix_s: i64,
) -> Performance {
    let mut digest = Digest(asked.digest());
    digest.text(step_name);
    digest.text(&asked.call_id);
    let id = format!("{:016x}", digest.0);
    let parts: Vec<Spoken> = step
        .say
        .iter()
        .enumerate()
        .map(|(index, part)| spoken(part, &format!("{id}{index}"), fault))
        .collect();
    let calls = parts.iter().any(|part| matches!(part, Spoken::Tool { .. }));
    let stop = step
        .stop
        .unwrap_or(if calls { Stop::ToolUse } else { Stop::EndTurn });
    let thinking = parts.iter().filter(|part| part.is_thinking());
    let billed = Tally {
        input: tokens(asked.input_bytes()),
        cache_read,
        cache_write,
        output: parts.iter().map(|part| tokens(part.bytes())).sum(),
        thinking: thinking.map(|part| tokens(part.bytes())).sum(),
    };
    let reported = match fault {
        Fault::WrongUsage(wrong) => Tally {
            input: wrong.input_tokens,
            output: wrong.output_tokens,
            ..Tally::default()
        },
        _ => billed,
    };
    Performance {
        id,
        model: asked.model.clone(),
        parts,
        stop,
        billed,
        reported,
        include_usage: asked.include_usage,
        interleave: step.interleave,
        created_unix_s,
    }
}

fn spoken(part: &Part, id: &str, fault: &Fault) -> Spoken {
    match part {
        Part::Text(text) => Spoken::Text(text.clone()),
        Part::Thinking(text) => Spoken::Thinking {
            text: text.clone(),
            signature: signature(text),
        },
        Part::RedactedThinking(data) => Spoken::RedactedThinking(data.clone()),
        Part::Tool(call) => {
            let mut arguments = match &call.arguments {
                Value::String(raw) => raw.clone(),
                other => other.to_string(),
            };
            if *fault == Fault::MalformedToolJson {
                let mut keep = arguments.len() - arguments.len().div_ceil(3);
                while !arguments.is_char_boundary(keep) {
                    keep -= 1;
                }
                arguments.truncate(keep);
            }
            let id = call.id.clone().unwrap_or_else(|| format!("call_{id}"));
            Spoken::Tool {
                id,
                name: call.name.clone(),
                arguments,
            }
        }
    }
}

/// The signature of a thinking block. It is checked when the block comes back, as the real one is.
pub(crate) fn signature(thinking: &str) -> String {
    let mut digest = Digest::default();
    digest.text(thinking);
    format!("sig+/{:016x}==", digest.0)
}

/// Cuts text into pieces of at most `bytes_max`, at character boundaries.
pub(crate) fn fragments(text: &str, bytes_max: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut cut = rest.len().min(bytes_max);
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        // a character wider than the piece goes whole
        let cut = if cut == 0 {
            rest.chars().next().map_or(rest.len(), char::len_utf8)
        } else {
            cut
        };
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Charges the tokens of a part over the fragments it is sent in, so that they add up exactly.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: usize,
}

impl Meter {
    /// Tokens that `bytes` more bytes of the same part cost.
    pub(crate) fn charge(&mut self, bytes: usize) -> u64 {
        let before = tokens(self.bytes);
        self.bytes += bytes;
        tokens(self.bytes) - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_the_text_and_their_charges_the_total() {
        let text = "héllo \\\\ 🦀 wörld, a longer text";
        for bytes_max in 1..20 {
            let pieces = fragments(text, bytes_max);
            assert_eq!(pieces.concat(), text);
            let mut meter = Meter::default();
            let charged: u64 = pieces.iter().map(|piece| meter.charge(piece.len())).sum();
            assert_eq!(charged, tokens(text.len()));
        }
    }

    #[test]
    fn a_repeated_request_gets_the_same_ids_and_another_call_new_ones() {
        let step = Step::tool("read", serde_json::json!({}));
        let asked = |call_id: &str| Asked {
            call_id: call_id.into(),
            ..Asked::default()
        };
        let ids = |call_id| perform(&step, "s", &Fault::Pass, &asked(call_id), (0, 0), 0).parts;
        assert_eq!(ids("a"), ids("a"));
        assert_ne!(ids("a"), ids("b"));
    }
}
