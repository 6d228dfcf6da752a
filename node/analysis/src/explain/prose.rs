//! The first words of documentation.

/// Longest paragraph quoted, in characters.
const MAX_PARAGRAPH: usize = 700;
/// Longest single line quoted, in characters.
const MAX_LINE: usize = 140;

/// Gives the first paragraph of prose as one line; headings, code and lists before it are passed over.
pub(crate) fn first_paragraph(doc: &str) -> Option<String> {
    let mut words = String::new();
    for line in doc.lines() {
        let text = line.trim();
        let prose = !text.is_empty()
            && !text.starts_with(['#', '|'])
            && !text.starts_with("```")
            && !line.starts_with("    ");
        if prose {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(text);
        } else if !words.is_empty() {
            break;
        }
    }
    (!words.is_empty()).then(|| shorten(&words, MAX_PARAGRAPH))
}

/// Gives the first sentence of documentation.
pub(crate) fn first_line(doc: &str) -> Option<String> {
    let paragraph = first_paragraph(doc)?;
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    Some(shorten(&paragraph[..end], MAX_LINE))
}

fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let cut: String = text.chars().take(limit).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}
