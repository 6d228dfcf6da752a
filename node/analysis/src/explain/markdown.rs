//! An explanation as Markdown.

use super::{Evidence, Explanation, Fact};

/// Renders headings, lists and `path:line` after each statement.
pub fn render_markdown(explanation: &Explanation) -> String {
    let mut out = format!(
        "# {}\n\n{}{}\n",
        explanation.subject,
        explanation.headline,
        places(&explanation.evidence)
    );
    for section in &explanation.sections {
        out.push_str(&format!("\n## {}\n\n", section.title));
        let prose = section.facts.len() == 1 && section.facts.iter().all(|f| f.details.is_empty());
        for fact in &section.facts {
            if prose {
                out.push_str(&format!("{}{}\n", fact.text, places(&fact.evidence)));
            } else {
                push(fact, 0, &mut out);
            }
        }
    }
    out
}

fn push(fact: &Fact, depth: usize, out: &mut String) {
    out.push_str(&format!(
        "{}- {}{}\n",
        "  ".repeat(depth),
        fact.text,
        places(&fact.evidence)
    ));
    for detail in &fact.details {
        // What stands at the same place needs no second reference.
        let shown = if detail.evidence == fact.evidence {
            Vec::new()
        } else {
            detail.evidence.clone()
        };
        push(
            &Fact {
                evidence: shown,
                ..detail.clone()
            },
            depth + 1,
            out,
        );
    }
}

fn places(evidence: &[Evidence]) -> String {
    if evidence.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> = Vec::new();
    let mut last_path = "";
    for place in evidence {
        if place.path == last_path {
            shown.push(format!("{}", place.line));
        } else {
            shown.push(format!("{}:{}", place.path, place.line));
        }
        last_path = &place.path;
    }
    format!(" ({})", shown.join(", "))
}
