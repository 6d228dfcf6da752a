//! What a module is at run time, as statements: process, supervision, routes, schemas, types.

use super::role::one;
use super::{Fact, fact, shortened};
use crate::module::ModuleInfo;
use crate::otp::{MessageKind, ModuleFacts};

pub(super) fn process(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let mut out = Vec::new();
    if let Some((state, line)) = &facts.initial_state {
        out.push(fact(
            format!("It begins with the state `{state}`."),
            path,
            *line,
        ));
    }
    for name in &facts.registrations {
        out.push(fact(
            format!("It registers as `{}`.", name.name),
            path,
            name.line,
        ));
    }
    for message in &facts.messages {
        let kind = match message.kind {
            MessageKind::Call => "Answers the call",
            MessageKind::Cast => "Takes the cast",
            MessageKind::Info => "Takes the message",
            MessageKind::Continue => "Continues with",
            MessageKind::Event => "Handles the event",
        };
        let guard = message
            .guard
            .as_ref()
            .map_or_else(String::new, |g| format!(" when `{g}`"));
        let rest = if message.catch_all {
            ", whatever it is"
        } else {
            ""
        };
        out.push(fact(
            format!("{kind} `{}`{guard}{rest}", message.pattern),
            path,
            message.line,
        ));
    }
    for sent in &facts.sent {
        out.push(fact(
            format!(
                "`{}` sends `{}` to `{}` by `{}`",
                sent.from, sent.message, sent.to, sent.how
            ),
            path,
            sent.line,
        ));
    }
    for table in &facts.tables {
        out.push(fact(
            format!(
                "It creates the ETS table `{}` with `{}`",
                table.name, table.options
            ),
            path,
            table.line,
        ));
    }
    shortened(out, "messages")
}

pub(super) fn supervision(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let Some(tree) = &facts.supervision else {
        return Vec::new();
    };
    let strategy = tree.strategy.as_ref().map_or_else(
        || "a strategy that is not written here".to_owned(),
        |s| format!("the strategy `{s}`"),
    );
    let mut out = fact(
        format!(
            "It supervises {} with {strategy}.",
            plural_children(tree.children.len())
        ),
        path,
        tree.line,
    );
    out.details = tree
        .children
        .iter()
        .map(|child| fact(format!("`{}`", child.text), path, child.line))
        .collect();
    vec![out]
}

fn plural_children(count: usize) -> String {
    match count {
        0 => "no children that are written here".to_owned(),
        1 => "1 child".to_owned(),
        many => format!("{many} children"),
    }
}

pub(super) fn routes(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let facts = facts.routes.iter().map(|route| {
        let handler = route
            .handler
            .as_ref()
            .map_or_else(String::new, |h| format!(" → `{h}`"));
        let action = route
            .action
            .as_ref()
            .map_or_else(String::new, |a| format!(" `{a}`"));
        fact(
            format!(
                "`{} {}`{handler}{action}",
                route.verb.to_uppercase(),
                route.path
            ),
            path,
            route.line,
        )
    });
    shortened(facts.collect(), "routes")
}

pub(super) fn schema(facts: &ModuleFacts, path: &str) -> Vec<Fact> {
    let facts = facts.schemas.iter().map(|schema| {
        let source = schema.source.as_ref().map_or_else(
            || "embedded, without a table".to_owned(),
            |s| format!("table `{s}`"),
        );
        let mut out = fact(format!("Schema: {source}"), path, schema.line);
        let details = schema.fields.iter().map(|field| {
            let of = if field.of.is_empty() {
                String::new()
            } else {
                format!(": `{}`", field.of)
            };
            fact(
                format!("{} `{}`{of}", field.kind, field.name),
                path,
                field.line,
            )
        });
        out.details = shortened(details.collect(), "fields");
        out
    });
    facts.collect()
}

pub(super) fn types(info: &ModuleInfo, path: &str) -> Vec<Fact> {
    let public = info.types.iter().filter(|t| t.kind != "typep");
    let facts = public.map(|t| {
        let text = if t.text.contains("::") {
            one(&t.text)
        } else {
            one(&format!("{} :: {}", t.name, t.text))
        };
        fact(format!("`@{} {text}`", t.kind), path, t.line)
    });
    shortened(facts.collect(), "types")
}
