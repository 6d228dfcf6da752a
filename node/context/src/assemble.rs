//! Puts a prompt together within a budget, and says what went in and why.
//!
//! Order, for the sake of provider caches: what never changes (system, tools, rules), what only
//! grows (the messages), and with the running turn's request the code that may matter to it.

use crate::Error;
use crate::code_piece::CodePiece;
use crate::history::{self, History, Kept, shorten};
use crate::metrics::PROMPT_TOKENS;
use crate::tokens::Tokenizer;
use aiex_session::{ContentBlock, Message, Role};
use metrics::histogram;
use serde::Serialize;

/// What joining parts may cost beyond the parts.
const JOINT_TOKENS: u32 = 4;
/// Rules take at most this share of the budget.
const RULES_SHARE: u32 = 10;
/// Below this much room no further code is worth its frame.
const CODE_TOKENS_MIN: u32 = 40;

/// How many tokens a prompt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Everything: system, tools, messages, code. The answer's tokens are not in it.
    pub total_tokens: u32,
    /// Most of it that retrieved code may take.
    pub code_tokens: u32,
}

impl Budget {
    /// Gives a quarter to code.
    pub const fn new(total_tokens: u32) -> Self {
        Self {
            total_tokens,
            code_tokens: total_tokens / 4,
        }
    }
}

/// The project's own rules for agents.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The file they are from.
    pub source: &'a str,
    pub text: &'a str,
}

/// The parts of a prompt.
#[derive(Debug, Clone, Copy)]
pub struct AssembleInput<'a> {
    pub system: &'a str,
    /// The specification of each tool, as it is sent.
    pub tools: &'a [String],
    pub rules: Option<Rules<'a>>,
    /// All messages of the session, the running turn's included.
    pub transcript: &'a [Message],
    /// Place in `transcript` of the request of the running turn.
    pub turn_begins: usize,
    /// Retrieved code, best first.
    pub code: &'a [CodePiece],
    pub budget: Budget,
}

/// What a part of the prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    System,
    Tools,
    Rules,
    Transcript,
    Code,
    Prompt,
}

impl ItemKind {
    /// Gives the name used on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Tools => "tools",
            Self::Rules => "rules",
            Self::Transcript => "transcript",
            Self::Code => "code",
            Self::Prompt => "prompt",
        }
    }
}

/// One part of a prompt, as `aiex show context` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    pub kind: ItemKind,
    /// Where it is from: a file and lines, a message's number.
    pub source: String,
    /// Why it is there, and in this length.
    pub reason: String,
    pub tokens: u32,
    pub text: String,
}

/// A prompt within its budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    /// System prompt and rules.
    pub system: String,
    /// Ready to be sent: begins with the user, calls have their results.
    pub messages: Vec<Message>,
    /// Every part, in the order of the prompt.
    pub items: Vec<Item>,
    pub total_tokens: u32,
    pub budget_tokens: u32,
    /// Name of the vocabulary the tokens are counted in.
    pub tokenizer: &'static str,
}

/// Assembles a prompt. Fails when what cannot be left out (system, tools, the session's first
/// and the turn's request, the newest step) is above the budget.
pub fn assemble(tokenizer: Tokenizer, input: &AssembleInput<'_>) -> Result<Assembled, Error> {
    let prompt = input.transcript.get(input.turn_begins);
    if prompt.is_none_or(|message| message.role != Role::User) {
        return Err(Error::NoPrompt {
            index: input.turn_begins,
        });
    }
    let (system, mut items) = prefix(tokenizer, input);
    let history = History::new(tokenizer, input.transcript, input.turn_begins);
    let fixed: u32 = items.iter().map(|item| item.tokens).sum::<u32>() + history.prompt_tokens();
    let least = fixed.saturating_add(history.opening_tokens(tokenizer));
    let too_small = |needed_tokens| Error::BudgetTooSmall {
        needed_tokens,
        budget_tokens: input.budget.total_tokens,
    };
    let room = input
        .budget
        .total_tokens
        .checked_sub(least)
        .ok_or_else(|| too_small(least))?;

    // the code's size depends on what does not change within a turn, so the code does not either
    let mut code = packed(
        tokenizer,
        input.code,
        input.budget.code_tokens.min(room / 2),
    );
    let open = input.budget.total_tokens - fixed;
    let kept = match history.fit(tokenizer, open - code_tokens(&code)) {
        Ok(kept) => kept,
        Err(_) => {
            code.clear();
            history
                .fit(tokenizer, open)
                .map_err(|needed| too_small(fixed.saturating_add(needed)))?
        }
    };
    let messages = into_messages(&kept, &code, input.turn_begins, &mut items);
    let total_tokens = items.iter().map(|item| item.tokens).sum();
    histogram!(PROMPT_TOKENS).record(f64::from(total_tokens));
    Ok(Assembled {
        system,
        messages,
        items,
        total_tokens,
        budget_tokens: input.budget.total_tokens,
        tokenizer: tokenizer.name(),
    })
}

/// The part of the prompt that is equal for all calls of a session.
fn prefix(tokenizer: Tokenizer, input: &AssembleInput<'_>) -> (String, Vec<Item>) {
    let mut system = input.system.to_owned();
    let mut items = vec![Item {
        kind: ItemKind::System,
        source: "template".to_owned(),
        reason: "always".to_owned(),
        tokens: tokenizer.count(input.system) + JOINT_TOKENS,
        text: input.system.to_owned(),
    }];
    if !input.tools.is_empty() {
        let count = |tool: &String| tokenizer.count(tool) + JOINT_TOKENS;
        items.push(Item {
            kind: ItemKind::Tools,
            source: format!("{} tools", input.tools.len()),
            reason: "always".to_owned(),
            tokens: input.tools.iter().map(count).sum(),
            text: input.tools.join("\n"),
        });
    }
    if let Some(rules) = input.rules.filter(|rules| !rules.text.trim().is_empty()) {
        let limit = input.budget.total_tokens / RULES_SHARE;
        let text = shorten(tokenizer, rules.text.trim(), limit);
        let shortened = text.len() < rules.text.trim().len();
        let text = format!("\n\n# Rules of the project ({})\n\n{text}\n", rules.source);
        system.push_str(&text);
        items.push(Item {
            kind: ItemKind::Rules,
            source: rules.source.to_owned(),
            reason: if shortened {
                "always; shortened"
            } else {
                "always"
            }
            .to_owned(),
            tokens: tokenizer.count(&text) + JOINT_TOKENS,
            text,
        });
    }
    (system, items)
}

/// Whole pieces as long as they fit, then signatures of the others, in the order of rank.
fn packed(tokenizer: Tokenizer, pieces: &[CodePiece], limit: u32) -> Vec<Item> {
    let mut room = limit;
    let mut chosen: Vec<(usize, Item)> = Vec::new();
    for whole in [true, false] {
        for (rank, piece) in pieces.iter().enumerate() {
            if room < CODE_TOKENS_MIN {
                break;
            }
            if chosen.iter().any(|(taken, _)| *taken == rank)
                || (!whole && piece.signature.is_empty())
            {
                continue;
            }
            let item = code_item(tokenizer, piece, whole);
            if item.tokens <= room {
                room -= item.tokens;
                chosen.push((rank, item));
            }
        }
    }
    chosen.sort_unstable_by_key(|(rank, _)| *rank);
    chosen.into_iter().map(|(_, item)| item).collect()
}

fn code_item(tokenizer: Tokenizer, piece: &CodePiece, whole: bool) -> Item {
    let (body, form) = if whole {
        (&piece.text, "whole")
    } else {
        (&piece.signature, "signature only")
    };
    let text = format!(
        "<code source=\"{}\" name=\"{}\" form=\"{form}\">\n{body}\n</code>",
        piece.source, piece.title
    );
    Item {
        kind: ItemKind::Code,
        source: piece.source.clone(),
        reason: format!("{}; {form}", piece.reason),
        tokens: tokenizer.count(&text) + history::BLOCK_TOKENS,
        text,
    }
}

fn code_tokens(items: &[Item]) -> u32 {
    items.iter().map(|item| item.tokens).sum()
}

/// Writes the messages, code before the request it belongs to, and lists them.
fn into_messages(
    kept: &[Kept],
    code: &[Item],
    turn_begins: usize,
    items: &mut Vec<Item>,
) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for kept in kept {
        let mut content = Vec::new();
        let is_prompt = kept.index == turn_begins;
        if is_prompt {
            items.extend(code.iter().cloned());
            content.extend(code.iter().map(|item| ContentBlock::Text {
                text: item.text.clone(),
            }));
        }
        items.push(message_item(kept, is_prompt));
        content.extend(kept.message.content.iter().cloned());
        match messages.last_mut() {
            // two requests in a row, because the answer between them was dropped
            Some(last) if last.role == Role::User && kept.message.role == Role::User => {
                last.content.extend(content);
            }
            _ => messages.push(Message {
                role: kept.message.role,
                content,
            }),
        }
    }
    messages
}

fn message_item(kept: &Kept, is_prompt: bool) -> Item {
    let speaker = match kept.message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut reason = match (is_prompt, kept.index) {
        (true, _) => "the request of this turn",
        (false, 0) => "the session's first request",
        (false, _) => "recent",
    }
    .to_owned();
    match kept.shortened {
        0 => {}
        1 => reason.push_str("; 1 text shortened"),
        many => reason.push_str(&format!("; {many} texts shortened")),
    }
    Item {
        kind: if is_prompt {
            ItemKind::Prompt
        } else {
            ItemKind::Transcript
        },
        source: format!("message {}, {speaker}", kept.index + 1),
        reason,
        tokens: kept.tokens,
        text: kept
            .message
            .content
            .iter()
            .map(block_text)
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn block_text(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text { text } | ContentBlock::Thinking { text, .. } => text.clone(),
        ContentBlock::RedactedThinking { .. } => "[encrypted reasoning]".to_owned(),
        ContentBlock::ToolUse {
            name, arguments, ..
        } => format!("{name} {arguments}"),
        ContentBlock::ToolResult { output, .. } => output.clone(),
        ContentBlock::Other { value } => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
