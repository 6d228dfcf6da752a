//! Puts fragments of blocks together in the order the model began them, within limits.

use crate::error::{Error, ErrorKind};
use aiex_session::ContentBlock;

/// Most blocks of one answer.
const BLOCKS_MAX: usize = 1_024;
/// Most bytes of text, thinking and arguments of one answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Blocks under construction. A place is the index of a block in the order of begin.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    blocks: Vec<ContentBlock>,
    bytes: usize,
}

impl Assembly {
    /// Begins a block and gives its place.
    pub(crate) fn begin(&mut self, block: ContentBlock) -> Result<usize, Error> {
        if self.blocks.len() == BLOCKS_MAX {
            return Err(too_large("answer_blocks", BLOCKS_MAX, "blocks"));
        }
        self.reserve(size_of(&block))?;
        self.blocks.push(block);
        Ok(self.blocks.len() - 1)
    }

    /// Appends to the main text of the block at `place`: its text, thinking or arguments.
    pub(crate) fn append(&mut self, place: usize, fragment: &str) -> Result<(), Error> {
        self.reserve(fragment.len())?;
        match self.blocks.get_mut(place) {
            Some(ContentBlock::Text { text } | ContentBlock::Thinking { text, .. }) => {
                text.push_str(fragment);
            }
            Some(ContentBlock::ToolUse { arguments, .. }) => arguments.push_str(fragment),
            _ => return Err(malformed("a fragment belongs to no block")),
        }
        Ok(())
    }

    /// Appends to the signature of the thinking block at `place`.
    pub(crate) fn sign(&mut self, place: usize, fragment: &str) -> Result<(), Error> {
        self.reserve(fragment.len())?;
        match self.blocks.get_mut(place) {
            Some(ContentBlock::Thinking { signature, .. }) => {
                signature.get_or_insert_default().push_str(fragment);
                Ok(())
            }
            _ => Err(malformed("a signature belongs to no thinking")),
        }
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut ContentBlock> {
        self.blocks.get_mut(place)
    }

    pub(crate) fn last(&self) -> Option<(usize, &ContentBlock)> {
        self.blocks
            .last()
            .map(|block| (self.blocks.len() - 1, block))
    }

    pub(crate) fn has_tool_use(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| matches!(block, ContentBlock::ToolUse { .. }))
    }

    /// Gives the blocks: empty text is left out, and a call without arguments has `{}`.
    pub(crate) fn take(&mut self) -> Vec<ContentBlock> {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.retain_mut(|block| match block {
            ContentBlock::Text { text } => !text.is_empty(),
            ContentBlock::Thinking { text, signature } => !text.is_empty() || signature.is_some(),
            ContentBlock::ToolUse { arguments, .. } => {
                if arguments.is_empty() {
                    "{}".clone_into(arguments);
                }
                true
            }
            _ => true,
        });
        blocks
    }

    /// Counts bytes kept for this answer, here or elsewhere.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(too_large("answer_bytes", ANSWER_BYTES_MAX, "bytes"));
        }
        Ok(())
    }
}

fn size_of(block: &ContentBlock) -> usize {
    match block {
        ContentBlock::Text { text } => text.len(),
        ContentBlock::Thinking { text, signature } => {
            text.len() + signature.as_ref().map_or(0, String::len)
        }
        ContentBlock::RedactedThinking { data } => data.len(),
        ContentBlock::ToolUse {
            id,
            name,
            arguments,
        } => id.len() + name.len() + arguments.len(),
        ContentBlock::ToolResult { id, output, .. } => id.len() + output.len(),
        ContentBlock::Other { .. } => 0, // bounded by the event that brought it
    }
}

fn too_large(limit: &'static str, most: usize, unit: &str) -> Error {
    Error::new(
        ErrorKind::Limit { limit },
        format!("the answer has more than {most} {unit}"),
    )
}

/// The answer breaks the dialect's rules.
pub(crate) fn malformed(what: &str) -> Error {
    Error::new(
        ErrorKind::Malformed,
        format!("the provider's answer is malformed: {what}"),
    )
}
