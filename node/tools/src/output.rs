//! Makes texts fit for a model and a terminal: bounded, and without control sequences.

use crate::OUTPUT_BYTES_MAX;

/// Cuts a text to the output limit, keeping its head and its tail.
pub(crate) fn bounded(text: String) -> String {
    clip(text, OUTPUT_BYTES_MAX)
}

/// Cuts a text to `limit` bytes, a third of them from the end, and says how much is left out.
pub(crate) fn clip(text: String, limit: usize) -> String {
    const NOTE_BYTES: usize = 64;
    if text.len() <= limit {
        return text;
    }
    let room = limit.saturating_sub(NOTE_BYTES);
    let head = floor_boundary(&text, room * 2 / 3);
    let tail = ceil_boundary(&text, text.len() - room / 3);
    format!(
        "{}\n[… {} bytes left out …]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

/// The largest character boundary not above `at`.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

/// Removes escape sequences and control characters but newline and tab; carriage returns end a line.
pub(crate) fn without_controls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => clean.push(character),
            '\r' => {
                if characters.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\u{1b}' => skip_escape(&mut characters),
            '\u{9b}' => skip_control_sequence(&mut characters),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut characters),
            character if character.is_control() => {}
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            character => clean.push(character),
        }
    }
    clean
}

type Characters<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn skip_escape(characters: &mut Characters<'_>) {
    match characters.next() {
        Some('[') => skip_control_sequence(characters),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(characters),
        // one more character belongs to character-set and line-size escapes
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            characters.next();
        }
        _ => {}
    }
}

/// Parameters and intermediates up to the final byte.
fn skip_control_sequence(characters: &mut Characters<'_>) {
    while characters
        .next_if(|character| ('\u{20}'..='\u{3f}').contains(character))
        .is_some()
    {}
    characters.next_if(|character| ('\u{40}'..='\u{7e}').contains(character));
}

/// Operating-system commands and the like: up to BEL or ST, but never past the end of the line.
fn skip_string(characters: &mut Characters<'_>) {
    while let Some(character) = characters.next_if(|character| *character != '\n') {
        match character {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                characters.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_go_and_text_stays() {
        for (dirty, clean) in [
            ("\u{1b}[31mred\u{1b}[0m\n", "red\n"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}P+q\nrest", "\nrest"),
            ("50%\r100%\r\ndone", "50%\n100%\ndone"),
            ("a\u{8}b\u{0}\u{7f}c\td", "abc\td"),
            ("\u{9b}2Jx\u{202e}y", "xy"),
            ("é…漢", "é…漢"),
        ] {
            assert_eq!(without_controls(dirty), clean, "{dirty:?}");
        }
    }

    #[test]
    fn clipping_keeps_both_ends_within_the_limit() {
        let text = format!("head{}tail", "é".repeat(100_000));
        let clipped = clip(text, 1_000);
        assert!(clipped.len() <= 1_000, "{}", clipped.len());
        assert!(
            clipped.starts_with("head")
                && clipped.ends_with("tail")
                && clipped.contains("left out")
        );
    }
}
