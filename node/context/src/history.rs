//! Fits the messages of a session into a number of tokens.
//!
//! What is always kept: the session's first request, the request of the running turn, and the
//! newest step of that turn. Then, until it fits: old tool outputs are shortened, oldest first;
//! old steps are dropped whole, oldest first, so that a tool's result never loses its call.
//! Both go on until a quarter of the room is free again: then the prompt's start stays unchanged
//! for many steps, and provider caches live from that.

use crate::tokens::Tokenizer;
use aiex_session::{ContentBlock, Message, Role};
use std::ops::Range;

/// Stands where messages were dropped. Constant, so that it never changes a cached prefix.
const LEFT_OUT: &str = "[Some earlier messages of this session are left out here.]";
const CUT: &str = "\n[… cut here to save room; ask the tool again for the whole …]\n";

/// What a message and a block cost beside their text.
const MESSAGE_TOKENS: u32 = 4;
pub(crate) const BLOCK_TOKENS: u32 = 4;
const OPENING_TOKENS_MAX: u32 = 2_000;
const OUTPUT_SHORT_TOKENS: u32 = 256;
/// What joining the two ends of a shortened text may cost.
const JOINT_TOKENS: u32 = 4;
const OUTPUT_TIGHT_TOKENS: u32 = 48;
/// The newest outputs, which are shortened only when nothing else helps.
const OUTPUTS_PROTECTED: usize = 4;

/// A message that stays, perhaps with less in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// Its place in the transcript.
    pub(crate) index: usize,
    pub(crate) message: Message,
    pub(crate) tokens: u32,
    pub(crate) shortened: usize,
}

/// What to give up: so many of the oldest outputs and steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Plan {
    outputs_shortened: usize,
    steps_dropped: usize,
}

/// A tool output worth shortening: its message, block and savings.
struct Output {
    message: usize,
    short_tokens: u32,
    full_tokens: u32,
}

impl Output {
    const fn saving(&self) -> u32 {
        self.full_tokens.saturating_sub(self.short_tokens)
    }
}

/// A transcript, measured.
pub(crate) struct History<'a> {
    transcript: &'a [Message],
    tokens: Vec<u32>,
    opening: Option<usize>,
    prompt: usize,
    steps: Vec<Range<usize>>,
    outputs: Vec<Output>,
}

impl<'a> History<'a> {
    /// Measures every message once. `prompt` is the place of the running turn's request.
    pub(crate) fn new(tokenizer: Tokenizer, transcript: &'a [Message], prompt: usize) -> Self {
        let tokens: Vec<u32> = transcript
            .iter()
            .map(|message| message_tokens(tokenizer, message))
            .collect();
        let opening = (prompt > 0 && is_request(&transcript[0])).then_some(0);
        let steps = steps(transcript, usize::from(opening.is_some()), prompt);
        let outputs = steps
            .iter()
            .flat_map(Clone::clone)
            .flat_map(|index| outputs_of(tokenizer, index, &transcript[index]))
            .collect();
        Self {
            transcript,
            tokens,
            opening,
            prompt,
            steps,
            outputs,
        }
    }

    /// Tokens of the running turn's request.
    pub(crate) fn prompt_tokens(&self) -> u32 {
        self.tokens[self.prompt]
    }

    /// Tokens that cannot be given up beside the prompt: the opening, and a note.
    pub(crate) fn opening_tokens(&self, tokenizer: Tokenizer) -> u32 {
        let note = BLOCK_TOKENS + tokenizer.count(LEFT_OUT);
        note + self
            .opening
            .map_or(0, |at| self.shortened_opening(tokenizer, at).tokens)
    }

    /// Gives the messages that fit into `room` tokens in their order, the prompt among them but
    /// not counted. `Err` gives the least number of tokens that would do.
    pub(crate) fn fit(&self, tokenizer: Tokenizer, room: u32) -> Result<Vec<Kept>, u32> {
        let fixed = self.opening_tokens(tokenizer);
        let settled = self.settle(room.saturating_sub(fixed));
        let last = Plan {
            outputs_shortened: self.outputs.len(),
            steps_dropped: self.droppable(self.steps.len()),
        };
        let all_short = Plan {
            outputs_shortened: self.outputs.len(),
            ..settled
        };
        let mut least = u32::MAX;
        for (plan, output_tokens_max) in [
            (settled, OUTPUT_SHORT_TOKENS),
            (all_short, OUTPUT_SHORT_TOKENS),
            (last, OUTPUT_SHORT_TOKENS),
            (last, OUTPUT_TIGHT_TOKENS),
        ] {
            let kept = self.carry_out(tokenizer, plan, output_tokens_max);
            let counted = kept.iter().filter(|kept| kept.index != self.prompt);
            let tokens: u32 = counted.map(|kept| kept.tokens).sum();
            if tokens <= room {
                return Ok(kept);
            }
            least = least.min(tokens);
        }
        Err(least)
    }

    /// Goes through the steps as they came, and gives up enough for a while each time the room
    /// is full. So a longer transcript repeats the decisions of a shorter one.
    fn settle(&self, room: u32) -> Plan {
        let target = room - room / 4;
        let mut plan = Plan::default();
        let mut cost = 0_u32;
        for (at, step) in self.steps.iter().enumerate() {
            let tokens: u32 = step.clone().map(|message| self.tokens[message]).sum();
            cost = cost.saturating_add(tokens);
            if cost > room {
                cost = self.give_up(&mut plan, at + 1, cost, room, target);
            }
        }
        plan
    }

    fn give_up(&self, plan: &mut Plan, steps: usize, cost: u32, room: u32, target: u32) -> u32 {
        let end = self.steps[steps - 1].end;
        let seen = self.outputs.partition_point(|output| output.message < end);
        let free = seen - protected(&self.outputs[..seen], room);
        let mut cost = cost;
        while cost > target && plan.outputs_shortened < free {
            let output = &self.outputs[plan.outputs_shortened];
            if output.message >= self.steps[plan.steps_dropped].start {
                cost = cost.saturating_sub(output.saving());
            }
            plan.outputs_shortened += 1;
        }
        while cost > target && plan.steps_dropped < self.droppable(steps) {
            cost =
                cost.saturating_sub(self.step_tokens(plan.steps_dropped, plan.outputs_shortened));
            plan.steps_dropped += 1;
        }
        cost
    }

    /// Of the first `steps`, those that may go: a running turn needs its newest to go on from.
    fn droppable(&self, steps: usize) -> usize {
        let newest = steps.checked_sub(1).map(|last| &self.steps[last]);
        steps - usize::from(newest.is_some_and(|step| step.start > self.prompt))
    }

    fn step_tokens(&self, step: usize, outputs_shortened: usize) -> u32 {
        let step = &self.steps[step];
        let tokens: u32 = step.clone().map(|message| self.tokens[message]).sum();
        let shortened = self.outputs[..outputs_shortened].iter();
        let saved = shortened
            .filter(|output| step.contains(&output.message))
            .map(Output::saving);
        tokens.saturating_sub(saved.sum())
    }

    fn carry_out(&self, tokenizer: Tokenizer, plan: Plan, output_tokens_max: u32) -> Vec<Kept> {
        let mut kept: Vec<Kept> = Vec::new();
        let left_out = plan.steps_dropped > 0;
        let note = |mut kept: Kept| {
            if left_out {
                kept.message.content.push(ContentBlock::Text {
                    text: LEFT_OUT.to_owned(),
                });
                kept.tokens += BLOCK_TOKENS + tokenizer.count(LEFT_OUT);
            }
            kept
        };
        kept.extend(
            self.opening
                .map(|at| note(self.shortened_opening(tokenizer, at))),
        );
        let cut_before = self
            .outputs
            .get(plan.outputs_shortened)
            .map_or(usize::MAX, |next| next.message);
        let mut prompt = Some(self.whole(self.prompt));
        for index in self.steps[plan.steps_dropped..]
            .iter()
            .flat_map(Clone::clone)
        {
            if index > self.prompt {
                kept.extend(prompt.take());
            }
            let message = if index < cut_before {
                self.with_short_outputs(tokenizer, index, output_tokens_max)
            } else {
                self.whole(index)
            };
            kept.push(message);
        }
        kept.extend(prompt);
        if self.opening.is_none()
            && left_out
            && let Some(first) = kept.first_mut()
        {
            *first = note(first.clone());
        }
        kept
    }

    fn whole(&self, index: usize) -> Kept {
        let message = self.transcript[index].clone();
        Kept {
            index,
            message,
            tokens: self.tokens[index],
            shortened: 0,
        }
    }

    fn shortened_opening(&self, tokenizer: Tokenizer, index: usize) -> Kept {
        let mut kept = self.whole(index);
        if kept.tokens <= OPENING_TOKENS_MAX {
            return kept;
        }
        for block in &mut kept.message.content {
            if let ContentBlock::Text { text } = block {
                *text = shorten(tokenizer, text, OPENING_TOKENS_MAX);
            }
        }
        kept.shortened = 1;
        kept.tokens = message_tokens(tokenizer, &kept.message);
        kept
    }

    fn with_short_outputs(&self, tokenizer: Tokenizer, index: usize, limit: u32) -> Kept {
        let mut kept = self.whole(index);
        for block in &mut kept.message.content {
            if let ContentBlock::ToolResult { output, .. } = block {
                let short = shorten(tokenizer, output, limit);
                kept.shortened += usize::from(short != *output);
                *output = short;
            }
        }
        if kept.shortened > 0 {
            kept.tokens = message_tokens(tokenizer, &kept.message);
        }
        kept
    }
}

/// The newest output, and a few before it while they are small beside the room.
fn protected(outputs: &[Output], room: u32) -> usize {
    let mut taken = 0_u32;
    let newest = outputs.iter().rev().take(OUTPUTS_PROTECTED);
    let small = newest.take_while(|output| {
        taken = taken.saturating_add(output.full_tokens);
        taken <= room / 2
    });
    small.count().max(usize::from(!outputs.is_empty()))
}

/// A message of the person, not the results of tools.
fn is_request(message: &Message) -> bool {
    let is_result = |block: &ContentBlock| matches!(block, ContentBlock::ToolResult { .. });
    message.role == Role::User && !message.content.iter().any(is_result)
}

/// Earlier turns are one step each; of the running turn, each answer with its results is one.
fn steps(transcript: &[Message], from: usize, prompt: usize) -> Vec<Range<usize>> {
    let earlier = cut_at(transcript, from..prompt, |_, message| is_request(message));
    let running = cut_at(
        transcript,
        prompt + 1..transcript.len(),
        |before, message| message.role == Role::Assistant && before.role == Role::User,
    );
    earlier.into_iter().chain(running).collect()
}

fn cut_at(
    transcript: &[Message],
    range: Range<usize>,
    begins: impl Fn(&Message, &Message) -> bool,
) -> Vec<Range<usize>> {
    let mut steps = Vec::new();
    let mut start = range.start;
    for at in range.start + 1..range.end {
        if begins(&transcript[at - 1], &transcript[at]) {
            steps.push(start..at);
            start = at;
        }
    }
    if start < range.end {
        steps.push(start..range.end);
    }
    steps
}

fn outputs_of(tokenizer: Tokenizer, index: usize, message: &Message) -> Vec<Output> {
    let full = |block: &ContentBlock| match block {
        ContentBlock::ToolResult { output, .. } => Some(tokenizer.count(output)),
        _ => None,
    };
    let tokens: Vec<u32> = message.content.iter().filter_map(full).collect();
    let cut_tokens = tokenizer.count(CUT);
    let total =
        |limit: fn(u32, u32) -> u32| tokens.iter().map(|full| limit(*full, cut_tokens)).sum();
    let short_tokens = total(|full, cut| full.min(OUTPUT_SHORT_TOKENS + cut + JOINT_TOKENS));
    // the results of one message are shortened together
    (!tokens.is_empty())
        .then(|| Output {
            message: index,
            short_tokens,
            full_tokens: tokens.iter().sum(),
        })
        .into_iter()
        .collect()
}

/// Keeps the start and the end of a text; a tool's verdict usually stands at one of them.
pub(crate) fn shorten(tokenizer: Tokenizer, text: &str, tokens_max: u32) -> String {
    if text.len() <= tokens_max as usize || tokenizer.count(text) <= tokens_max {
        return text.to_owned();
    }
    let start = tokenizer.prefix(text, tokens_max / 2);
    let end = tokenizer.suffix(&text[start.len()..], tokens_max - tokens_max / 2);
    // whole lines read better, when a cut at them does not lose too much
    let start = match start.rfind('\n') {
        Some(at) if at > start.len() / 2 => &start[..at],
        _ => start,
    };
    let end = match end.find('\n') {
        Some(at) if at < end.len() / 2 => &end[at + 1..],
        _ => end,
    };
    format!("{start}{CUT}{end}")
}

/// Counts a message: its texts, and what providers add around them.
pub(crate) fn message_tokens(tokenizer: Tokenizer, message: &Message) -> u32 {
    let blocks = message
        .content
        .iter()
        .map(|block| block_tokens(tokenizer, block));
    blocks.fold(MESSAGE_TOKENS, u32::saturating_add)
}

/// Counts one block.
pub(crate) fn block_tokens(tokenizer: Tokenizer, block: &ContentBlock) -> u32 {
    let text = match block {
        ContentBlock::Text { text } | ContentBlock::Thinking { text, .. } => tokenizer.count(text),
        ContentBlock::RedactedThinking { data } => tokenizer.count(data),
        ContentBlock::ToolUse {
            name, arguments, ..
        } => tokenizer
            .count(name)
            .saturating_add(tokenizer.count(arguments)),
        ContentBlock::ToolResult { output, .. } => tokenizer.count(output),
        ContentBlock::Other { value } => tokenizer.count(&value.to_string()),
    };
    text.saturating_add(BLOCK_TOKENS)
}
