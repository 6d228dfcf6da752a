//! One or more samples of every event and the commands that lead to them.

use aiex_session::{
    Command, Content, ContentBlock, Event, FileAccess, FileChange, ForkPoint, SessionId,
    StopReason, Task, ToolCallIntent, ToolCallOutcome, TurnEnd, Usage, Verdict, VerdictStep,
};

pub(crate) fn text(text: &str) -> String {
    text.to_owned()
}

pub(crate) fn created() -> Event {
    Event::SessionCreated {
        title: text("Cart totals"),
        project: text("shop"),
        owner: text("ana"),
        forked_from: None,
    }
}

pub(crate) fn create() -> Command {
    Command::CreateSession {
        title: text("Cart totals"),
        project: text("shop"),
        owner: text("ana"),
        forked_from: None,
    }
}

pub(crate) fn ask(words: &str) -> Task {
    Task::Ask { text: text(words) }
}

pub(crate) fn start(request_id: &str, task: Task) -> Command {
    Command::StartTurn {
        request_id: text(request_id),
        task,
        model: text("default"),
        workspace_id: text("w1"),
    }
}

pub(crate) fn started(turn: u32, request_id: &str, task: Task) -> Event {
    Event::TurnStarted {
        turn,
        request_id: text(request_id),
        task,
        model: text("default"),
        workspace_id: text("w1"),
    }
}

pub(crate) fn intend_model(call_id: &str) -> Command {
    Command::IntendModelCall {
        call_id: text(call_id),
        model: text("default"),
        prompt_tokens: 120,
        prompt_digest: text("d1"),
    }
}

pub(crate) fn tool_use(id: &str) -> ContentBlock {
    ContentBlock::ToolUse {
        id: text(id),
        name: text("read_file"),
        arguments: text("{\"path\":\"lib/a.ex\"}"),
    }
}

pub(crate) fn reply(call_id: &str, content: Vec<ContentBlock>) -> Command {
    let asks = |block: &ContentBlock| matches!(block, ContentBlock::ToolUse { .. });
    let stop = match content.iter().any(asks) {
        true => StopReason::ToolUse,
        false => StopReason::EndTurn,
    };
    Command::RecordModelReply {
        call_id: text(call_id),
        provider: text("scripted"),
        content,
        stop,
        usage: usage(120, 30),
    }
}

pub(crate) fn said(words: &str) -> ContentBlock {
    ContentBlock::Text { text: text(words) }
}

pub(crate) fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
        ..Usage::default()
    }
}

pub(crate) fn call(call_id: &str, tool_use_id: Option<&str>) -> ToolCallIntent {
    ToolCallIntent {
        call_id: text(call_id),
        tool_use_id: tool_use_id.map(text),
        name: text("read_file"),
        arguments: text("{\"path\":\"lib/a.ex\"}"),
    }
}

pub(crate) fn intend_tools(ids: &[&str]) -> Command {
    Command::IntendToolCalls {
        calls: ids.iter().map(|id| call(id, None)).collect(),
    }
}

pub(crate) fn outcome(status: &str, output: &str) -> ToolCallOutcome {
    ToolCallOutcome {
        status: text(status),
        output: Content::Inline(text(output)),
        accesses: vec![],
        changes: vec![],
        verdict: None,
    }
}

pub(crate) fn finish(call_id: &str, output: &str) -> Command {
    Command::FinishToolCall {
        call_id: text(call_id),
        outcome: outcome("ok", output),
    }
}

pub(crate) fn write(call_id: &str, changes: Vec<FileChange>) -> Command {
    Command::FinishToolCall {
        call_id: text(call_id),
        outcome: ToolCallOutcome {
            changes,
            ..outcome("ok", "written")
        },
    }
}

pub(crate) fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
    FileChange {
        path: text(path),
        before: before.map(|content| Content::Inline(text(content))),
        after: after.map(|content| Content::Inline(text(content))),
    }
}

pub(crate) fn end(end: TurnEnd) -> Command {
    Command::FinishTurn { end }
}

pub(crate) fn cancelled() -> TurnEnd {
    TurnEnd::Cancelled {
        reason: text("ctrl-c"),
    }
}

/// The samples whose bytes are kept in `tests/golden`, by file name.
pub(crate) fn golden() -> Vec<(&'static str, Event)> {
    let forked = Event::SessionCreated {
        title: text("Cart totals, \"again\" ✓"),
        project: text("shop"),
        owner: text("bo"),
        forked_from: Some(ForkPoint {
            session: SessionId::from_bytes(*b"0123456789abcdef"),
            seq: 42,
        }),
    };
    let mut all = vec![
        ("session_created", created()),
        ("session_created.forked", forked),
        (
            "session_retitled",
            Event::SessionRetitled { title: text("new") },
        ),
        ("session_archived", Event::SessionArchived),
    ];
    all.extend(tasks());
    all.extend(model_events());
    all.extend(tool_events());
    all.extend(ends());
    all
}

fn tasks() -> Vec<(&'static str, Event)> {
    let target = || text("Shop.Cart.total/1");
    let tasks = [
        ("turn_started.ask", ask("why does it block?")),
        ("turn_started.explain", Task::Explain { target: target() }),
        (
            "turn_started.create_tests",
            Task::CreateTests {
                target: target(),
                dry_run: true,
            },
        ),
        (
            "turn_started.create_module",
            Task::CreateModule {
                name: text("Shop.Stock"),
                kind: text("genserver"),
                description: text("keeps stock"),
                dry_run: false,
            },
        ),
        (
            "turn_started.rename_function",
            Task::RenameFunction {
                target: target(),
                new_name: text("sum"),
                dry_run: false,
            },
        ),
        ("turn_started.undo", Task::Undo { turn: 3 }),
    ];
    let started = tasks.map(|(name, task)| (name, started(4, "p4", task)));
    started.into()
}

fn model_events() -> Vec<(&'static str, Event)> {
    let (turn, call_id) = (4, text("t4.m1"));
    let other = serde_json::json!({"type": "server_tool", "n": 0.1, "big": 1e300, "deep": [null, {"a": -1}]});
    let content = vec![
        ContentBlock::Thinking {
            text: text("hm"),
            signature: Some(text("c2ln")),
        },
        ContentBlock::Thinking {
            text: text("no signature"),
            signature: None,
        },
        ContentBlock::RedactedThinking { data: text("AAEC") },
        said("I look at the file.\n"),
        tool_use("toolu_1"),
        ContentBlock::ToolResult {
            id: text("toolu_0"),
            output: text("out"),
            is_error: true,
        },
        ContentBlock::Other { value: other },
    ];
    let intended = Event::ModelCallIntended {
        turn,
        call_id: call_id.clone(),
        model: text("default"),
        prompt_tokens: 1234,
        prompt_digest: text("ab12"),
    };
    let replied = Event::ModelReplied {
        turn,
        call_id: call_id.clone(),
        provider: text("anthropic"),
        content,
        stop: StopReason::ToolUse,
        usage: Usage {
            input_tokens: 1,
            output_tokens: 2,
            cache_read_tokens: 3,
            cache_write_tokens: 4,
            thinking_tokens: 5,
        },
    };
    let failed = Event::ModelCallFailed {
        turn,
        call_id,
        code: text("provider_failed"),
        message: text("429"),
        retryable: true,
    };
    vec![
        ("model_call_intended", intended),
        ("model_replied", replied),
        ("model_call_failed", failed),
    ]
}

fn tool_events() -> Vec<(&'static str, Event)> {
    let (turn, call_id) = (4, text("t4.c1"));
    let intended = |tool_use_id: Option<&str>| Event::ToolCallIntended {
        turn,
        call_id: text("t4.c1"),
        tool_use_id: tool_use_id.map(text),
        name: text("write_file"),
        arguments: text("{\"path\": not json"),
    };
    let decided = Event::ApprovalDecided {
        turn,
        call_id: call_id.clone(),
        granted: true,
        by: text("user:ana"),
        reason: text("fine"),
    };
    let step = |name: &str, status: &str| VerdictStep {
        name: text(name),
        status: text(status),
        detail: text(""),
        duration_ms: 12,
    };
    let blob = Content::Blob {
        hash: text("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        size_bytes: 9000,
    };
    let finished = Event::ToolCallFinished {
        turn,
        call_id,
        status: text("ok"),
        output: Content::Inline(text("wrote lib/a.ex")),
        accesses: vec![FileAccess {
            operation: text("write"),
            path: text("lib/a.ex"),
            decision: text("allowed"),
            reason: text("inside the project"),
            size_bytes: 9000,
        }],
        changes: vec![
            FileChange {
                path: text("lib/a.ex"),
                before: None,
                after: Some(blob),
            },
            change("lib/b.ex", Some("old\n"), None),
        ],
        verdict: Some(Verdict {
            steps: vec![step("parse", "passed"), step("tests", "skipped")],
        }),
    };
    vec![
        ("tool_call_intended", intended(None)),
        ("tool_call_intended.renamed", intended(Some("toolu_1"))),
        ("approval_decided", decided),
        ("tool_call_finished", finished),
    ]
}

fn ends() -> Vec<(&'static str, Event)> {
    let failed = TurnEnd::Failed {
        code: text("provider_failed"),
        message: text("no answer"),
        hint: text("try again"),
    };
    let limit = TurnEnd::LimitReached {
        limit: text("tokens"),
    };
    let ends = [
        ("turn_finished.completed", TurnEnd::Completed),
        ("turn_finished.failed", failed),
        ("turn_finished.cancelled", cancelled()),
        ("turn_finished.limit_reached", limit),
    ];
    ends.map(|(name, end)| (name, Event::TurnFinished { turn: 4, end }))
        .into()
}
