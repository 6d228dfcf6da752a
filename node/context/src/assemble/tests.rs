//! Prompts of every shape: within the budget, valid for providers, stable at their start.

use super::*;
use proptest::prelude::*;

fn tokenizer() -> Tokenizer {
    Tokenizer::o200k().unwrap()
}

fn user(text: &str) -> Message {
    Message {
        role: Role::User,
        content: vec![ContentBlock::Text { text: text.into() }],
    }
}

fn said(text: &str) -> Message {
    Message {
        role: Role::Assistant,
        content: vec![ContentBlock::Text { text: text.into() }],
    }
}

/// A call and its result of about `words` tokens.
fn step(id: usize, words: usize) -> [Message; 2] {
    let id = format!("call-{id}");
    let call = ContentBlock::ToolUse {
        id: id.clone(),
        name: "read_file".into(),
        arguments: "{\"path\":\"lib/a.ex\"}".into(),
    };
    let output = (0..words).map(|word| format!("line {word}\n")).collect();
    let result = ContentBlock::ToolResult {
        id,
        output,
        is_error: false,
    };
    [
        Message {
            role: Role::Assistant,
            content: vec![call],
        },
        Message {
            role: Role::User,
            content: vec![result],
        },
    ]
}

fn piece(name: &str, lines: usize) -> CodePiece {
    CodePiece {
        source: format!("lib/{name}.ex:1-{lines}"),
        title: format!("Shop.{name}/1"),
        reason: "search rank 1".into(),
        text: (0..lines)
            .map(|line| format!("  x{line} = call_{line}(y)\n"))
            .collect(),
        signature: format!("def {name}(y)"),
    }
}

fn input<'a>(
    transcript: &'a [Message],
    turn_begins: usize,
    total_tokens: u32,
) -> AssembleInput<'a> {
    AssembleInput {
        system: "You work on Elixir projects.",
        tools: &[],
        rules: None,
        transcript,
        turn_begins,
        code: &[],
        budget: Budget::new(total_tokens),
    }
}

/// Checks what must hold of every prompt.
fn check(assembled: &Assembled, input: &AssembleInput<'_>) {
    let tokenizer = tokenizer();
    assert!(assembled.total_tokens <= input.budget.total_tokens);
    assert_eq!(
        assembled.total_tokens,
        assembled.items.iter().map(|item| item.tokens).sum::<u32>()
    );
    let messages: u32 = assembled
        .messages
        .iter()
        .map(|message| history::message_tokens(tokenizer, message))
        .sum();
    let tools: u32 = input.tools.iter().map(|tool| tokenizer.count(tool)).sum();
    let recounted = tokenizer.count(&assembled.system) + tools + messages;
    assert!(
        recounted <= assembled.total_tokens,
        "{recounted} > {}",
        assembled.total_tokens
    );

    assert_eq!(assembled.messages[0].role, Role::User);
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for (at, message) in assembled.messages.iter().enumerate() {
        if at > 0 {
            assert_ne!(
                message.role,
                assembled.messages[at - 1].role,
                "roles alternate"
            );
        }
        for block in &message.content {
            match block {
                ContentBlock::ToolUse { id, .. } => calls.push(id.clone()),
                ContentBlock::ToolResult { id, .. } => results.push(id.clone()),
                _ => {}
            }
        }
    }
    assert_eq!(calls, results, "each call has its result");
    let ContentBlock::Text { text } = &input.transcript[input.turn_begins].content[0] else {
        panic!("a request")
    };
    let all: Vec<&ContentBlock> = assembled.messages.iter().flat_map(|m| &m.content).collect();
    assert!(
        all.iter()
            .any(|block| matches!(block, ContentBlock::Text { text: t } if t == text))
    );
}

#[test]
fn everything_goes_in_when_there_is_room() {
    let transcript = [
        vec![user("first"), said("done"), user("second")],
        step(1, 20).into(),
    ]
    .concat();
    let tools = ["{\"name\":\"read_file\"}".to_owned()];
    let code = [piece("total", 3)];
    let rules = Rules {
        source: "AGENTS.md",
        text: "Use pipes.",
    };
    let input = AssembleInput {
        tools: &tools,
        rules: Some(rules),
        code: &code,
        ..input(&transcript, 2, 10_000)
    };
    let assembled = assemble(tokenizer(), &input).unwrap();
    check(&assembled, &input);
    let kinds: Vec<&str> = assembled
        .items
        .iter()
        .map(|item| item.kind.name())
        .collect();
    let expected = [
        "system",
        "tools",
        "rules",
        "transcript",
        "transcript",
        "code",
        "prompt",
        "transcript",
        "transcript",
    ];
    assert_eq!(kinds, expected);
    assert!(assembled.system.ends_with("Use pipes.\n"));
    assert_eq!(assembled.messages.len(), 5);
    let ContentBlock::Text { text } = &assembled.messages[2].content[0] else {
        panic!()
    };
    assert!(
        text.starts_with("<code source=\"lib/total.ex:1-3\" name=\"Shop.total/1\""),
        "{text}"
    );
}

#[test]
fn old_outputs_are_shortened_before_anything_is_dropped() {
    let mut transcript = vec![user("first")];
    (0..20).for_each(|id| transcript.extend(step(id, 1_000)));
    let input = input(&transcript, 0, 40_000);
    let assembled = assemble(tokenizer(), &input).unwrap();
    check(&assembled, &input);
    assert_eq!(
        assembled.messages.len(),
        transcript.len(),
        "no step is gone"
    );
    assert_eq!(
        assembled.messages.last(),
        transcript.last(),
        "the newest is whole"
    );
    let shortened: Vec<bool> = assembled.items[2..]
        .iter()
        .filter(|item| item.source.ends_with("user"))
        .map(|item| item.reason.contains("shortened"))
        .collect();
    assert!(
        shortened[0] && shortened.is_sorted_by(|a, b| a >= b),
        "{shortened:?}"
    );
}

#[test]
fn old_steps_go_when_shortening_is_not_enough() {
    let mut transcript = vec![user("the very first request"), said("ok")];
    for turn in 0..10 {
        transcript.push(user(&format!("request {turn}")));
        transcript.extend(step(turn, 400));
        transcript.push(said("done"));
    }
    transcript.push(user("now this"));
    let turn_begins = transcript.len() - 1;
    transcript.extend(step(100, 400));
    let input = input(&transcript, turn_begins, 4_000);
    let assembled = assemble(tokenizer(), &input).unwrap();
    check(&assembled, &input);
    let text = format!("{:?}", assembled.messages);
    assert!(text.contains("the very first request") && text.contains("now this"));
    assert!(text.contains("left out here"));
    assert!(!text.contains("request 0\"") && text.contains("request 9\""));
}

#[test]
fn the_start_stays_equal_while_a_turn_grows() {
    let mut transcript = vec![user("first"), said("ok"), user("go")];
    let code = [piece("total", 30)];
    let mut changes = 0;
    let mut before: Option<Assembled> = None;
    for id in 0..60 {
        transcript.extend(step(id, 300));
        let input = AssembleInput {
            code: &code,
            ..input(&transcript, 2, 12_000)
        };
        let assembled = assemble(tokenizer(), &input).unwrap();
        check(&assembled, &input);
        if let Some(before) = before {
            let stable = assembled.messages.starts_with(&before.messages);
            changes += usize::from(!stable);
        }
        before = Some(assembled);
    }
    assert!(
        changes <= 20,
        "the prefix changed {changes} times in 60 steps"
    );
}

#[test]
fn code_is_whole_first_then_signatures_and_never_all_of_the_prompt() {
    let transcript = [user("why?")];
    let code = [
        piece("a", 40),
        piece("huge", 2_000),
        piece("b", 40),
        piece("c", 2_000),
    ];
    let input = AssembleInput {
        code: &code,
        ..input(&transcript, 0, 8_000)
    };
    let assembled = assemble(tokenizer(), &input).unwrap();
    check(&assembled, &input);
    let reasons: Vec<&str> = assembled
        .items
        .iter()
        .filter(|item| item.kind == ItemKind::Code)
        .map(|item| item.reason.rsplit("; ").next().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["whole", "signature only", "whole", "signature only"]
    );
}

#[test]
fn what_cannot_fit_is_an_error_that_says_how_much_it_needs() {
    let long = "word ".repeat(5_000);
    let transcript = [user(&long)];
    let refused = assemble(tokenizer(), &input(&transcript, 0, 1_000)).unwrap_err();
    let Error::BudgetTooSmall {
        needed_tokens,
        budget_tokens: 1_000,
    } = refused
    else {
        panic!("{refused}")
    };
    assert!(assemble(tokenizer(), &input(&transcript, 0, needed_tokens)).is_ok());
    assert!(assemble(tokenizer(), &input(&transcript, 0, needed_tokens - 1)).is_err());
    for (transcript, at) in [(&[][..], 0), (&transcript[..], 1), (&[said("x")][..], 0)] {
        let refused = assemble(tokenizer(), &input(transcript, at, 1_000)).unwrap_err();
        assert!(matches!(refused, Error::NoPrompt { .. }), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_prompt_is_over_its_budget(
        turns in prop::collection::vec(prop::collection::vec(0_usize..400, 0..5), 1..8),
        text in "(\\PC|[ \n]){0,80}",
        pieces in prop::collection::vec(1_usize..120, 0..6),
        total in 60_u32..6_000,
    ) {
        let mut transcript = Vec::new();
        let mut turn_begins = 0;
        let last = turns.len() - 1;
        for (number, steps) in turns.into_iter().enumerate() {
            turn_begins = transcript.len();
            transcript.push(user(&format!("request {number} {text}")));
            for (at, words) in steps.into_iter().enumerate() {
                transcript.extend(step(number * 10 + at, words));
            }
            if number != last {
                transcript.push(said(&text));
            }
        }
        let code: Vec<CodePiece> =
            pieces.iter().enumerate().map(|(at, lines)| piece(&format!("f{at}"), *lines)).collect();
        let input = AssembleInput { code: &code, ..input(&transcript, turn_begins, total) };
        match assemble(tokenizer(), &input) {
            Ok(assembled) => {
                check(&assembled, &input);
                prop_assert_eq!(&assemble(tokenizer(), &input).unwrap(), &assembled);
            }
            Err(Error::BudgetTooSmall { needed_tokens, .. }) => prop_assert!(needed_tokens > total),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}
