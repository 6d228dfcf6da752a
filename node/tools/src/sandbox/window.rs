//! A bounded view of an endless output: its head and its tail.

use std::collections::VecDeque;

/// Bytes kept of one output stream.
pub(super) const WINDOW_BYTES: usize = 1 << 20;

/// Keeps the first half and the last half of the window.
#[derive(Debug)]
pub(super) struct Window {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Window {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            half: bytes / 2,
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    /// The bytes as they came, if all of them are here and are UTF-8.
    pub(super) fn exact(&self) -> Option<String> {
        let whole = [
            self.head.as_slice(),
            &self.tail.iter().copied().collect::<Vec<u8>>(),
        ]
        .concat();
        String::from_utf8(whole).ok().filter(|_| self.dropped == 0)
    }

    /// The text, with a note where bytes are missing.
    pub(super) fn into_text(self) -> String {
        let (head, tail) = (self.head, Vec::from(self.tail));
        if self.dropped == 0 {
            let whole = [head, tail].concat();
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let (head, tail) = (
            String::from_utf8_lossy(&head),
            String::from_utf8_lossy(&tail),
        );
        format!("{head}\n[… {} bytes left out …]\n{tail}", self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_head_and_tail() {
        let mut window = Window::new(8);
        for byte in b"abcdefghijklmnop" {
            window.push(&[*byte]);
        }
        assert_eq!(window.into_text(), "abcd\n[… 8 bytes left out …]\nmnop");
        let mut window = Window::new(8);
        window.push("né".as_bytes());
        window.push("abc".as_bytes());
        assert_eq!(
            window.into_text(),
            "néabc",
            "a character split between the halves stays whole"
        );
    }
}
