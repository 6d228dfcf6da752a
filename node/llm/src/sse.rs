//! Reads server-sent events from bytes cut anywhere.
//!
//! Takes any line ending, a byte-order mark, comments and characters split over chunks. Limits
//! the size of one event. Knows nothing of what the events mean, not even of `[DONE]`.

/// Most bytes of one event's data, and of one line.
pub(crate) const EVENT_BYTES_MAX: usize = 8 << 20;
/// Most bytes of an event's name.
const NAME_BYTES_MAX: usize = 256;

/// One event: its name (empty when the server gave none) and its data lines joined by `\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SseEvent {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Why the bytes are not server-sent events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    #[error("an event is larger than {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Keeps what is left of a chunk until the next one comes.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    after_cr: bool,
    started: bool,
}

impl SseDecoder {
    /// Feeds a chunk; complete events are pushed to `out` in order.
    pub(crate) fn feed(&mut self, chunk: &[u8], out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            if self.after_cr {
                self.after_cr = false;
                if first == b'\n' {
                    rest = &rest[1..];
                    continue;
                }
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let text = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + text.len() > EVENT_BYTES_MAX {
                return Err(SseError::TooLarge);
            }
            self.line.extend_from_slice(text);
            let Some(end) = end else { return Ok(()) };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, out)?;
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }

    /// Ends the input: a last event without its blank line is given, as servers that just close do.
    pub(crate) fn finish(&mut self, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, out)?;
        }
        self.dispatch(out)
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut line = line;
        if !self.started {
            self.started = true;
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(out);
        }
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(0) => return Ok(()), // a comment
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() + 1 > EVENT_BYTES_MAX {
                    return Err(SseError::TooLarge);
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" if value.len() > NAME_BYTES_MAX => return Err(SseError::TooLarge),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {} // id, retry and what may come
        }
        Ok(())
    }

    fn dispatch(&mut self, out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| SseError::NotUtf8);
        out.push(SseEvent {
            name: text(name)?,
            data: text(data)?,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
