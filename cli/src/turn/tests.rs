//! A whole turn against the generated server: sync, upload, tools on a real tree, approvals, a lost link.

mod node;

use super::*;
use crate::args::{self, Global};
use crate::environment::Environment;
use crate::output::Output;
use aiex_proto::v1::sessions_server::SessionsServer;
use aiex_proto::v1::workspaces_server::WorkspacesServer;
use node::{Node, SESSION};
use serde_json::json;
use std::fs;
use std::sync::Arc;
use tokio_stream::wrappers::TcpListenerStream;

/// A project, a node that serves it from its own thread, and an invocation that points there.
struct Scene {
    _dir: tempfile::TempDir,
    node: Node,
    invocation: Invocation,
    file: std::path::PathBuf,
}

fn scene(tool: &'static str, arguments: serde_json::Value) -> Scene {
    let dir = tempfile::tempdir().expect("a directory");
    let top = dir.path().canonicalize().expect("a real path");
    let root = top.join("shop");
    fs::create_dir_all(root.join("lib")).expect("directories");
    fs::write(root.join(".aiex.toml"), "").expect("a file");
    let file = root.join("lib/a.ex");
    fs::write(&file, "defmodule A do\n  def one, do: 1\nend\n").expect("a file");
    let node = Node {
        memory: Arc::default(),
        tool,
        arguments: arguments.to_string(),
    };
    let endpoint = listen(node.clone());
    let environment = Environment {
        cwd: root,
        config_dir: top.join("config"),
        state_dir: top.join("state"),
        endpoint: Some(endpoint),
        token: Some("aiex_1_secret".into()),
        ..Environment::default()
    };
    let output = Output::new(&environment, true, true, true);
    Scene {
        _dir: dir,
        node,
        invocation: Invocation {
            environment,
            global: Global::default(),
            output,
        },
        file,
    }
}

/// Serves until the test's process ends.
fn listen(node: Node) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    listener
        .set_nonblocking(true)
        .expect("a listener for tokio");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let server = tonic::transport::Server::builder()
                .add_service(SessionsServer::new(node.clone()))
                .add_service(WorkspacesServer::new(node));
            server
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .expect("served");
        });
    });
    address
}

fn order(yes: bool, dry_run: bool) -> Order {
    Order {
        task: Task::Ask {
            text: "change it".into(),
        },
        place: Where::New,
        model: None,
        change: ChangeOptions { dry_run, yes },
    }
}

fn edit() -> serde_json::Value {
    json!({"path": "lib/a.ex", "edits": [{"old": "do: 1", "new": "do: 2"}], "verify": false})
}

#[test]
fn an_approved_edit_is_applied_once_and_reported() {
    let scene = scene("edit_file", edit());
    let exit = run(&scene.invocation, order(true, false)).expect("a turn");
    assert_eq!(exit, Exit::Done);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 2")
    );
    let memory = scene.node.memory.lock().expect("memory");
    assert_eq!(memory.outcomes.len(), 1);
    assert_eq!(memory.outcomes[0]["status"], "ok", "{}", memory.outcomes[0]);
    assert_eq!(memory.files.len(), 1, "{:?}", memory.files);
    let content = memory
        .contents
        .get(&memory.files[0].hash.to_vec())
        .expect("uploaded");
    assert!(content.starts_with(b"defmodule A"));
    let executor = memory.executor.as_ref().expect("an executor was announced");
    assert_eq!(executor.workspace_id, "w-1");
    assert!(
        executor.tools.iter().any(|tool| tool == "edit_file"),
        "{:?}",
        executor.tools
    );
    assert_eq!(
        scene.invocation.session_id(None).expect("remembered"),
        SESSION
    );
}

#[test]
fn an_edit_nobody_approves_is_denied_with_its_exit_code() {
    let scene = scene("edit_file", edit());
    let exit = run(&scene.invocation, order(false, false)).expect("a turn");
    assert_eq!(exit, Exit::Denied);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 1")
    );
    assert_eq!(
        scene.node.memory.lock().expect("memory").outcomes[0]["status"],
        "denied"
    );
}

#[test]
fn a_dry_run_changes_nothing_with_yes_and_asks_nobody_without() {
    for yes in [true, false] {
        let scene = scene("edit_file", edit());
        let exit = run(&scene.invocation, order(yes, true)).expect("a turn");
        assert_eq!(exit, Exit::Done, "yes: {yes}");
        assert!(
            fs::read_to_string(&scene.file)
                .expect("the file")
                .contains("do: 1")
        );
    }
}

#[test]
fn reading_needs_no_approval() {
    let scene = scene("read_file", json!({"path": "lib/a.ex"}));
    assert_eq!(
        run(&scene.invocation, order(false, false)).expect("a turn"),
        Exit::Done
    );
    let memory = scene.node.memory.lock().expect("memory");
    assert!(
        memory.outcomes[0]["output"]
            .as_str()
            .is_some_and(|text| text.contains("def one")),
        "{:?}",
        memory.outcomes
    );
}

#[test]
fn a_node_lost_before_it_took_the_result_gets_it_again_and_the_edit_stays_one() {
    let scene = scene("edit_file", edit());
    scene.node.memory.lock().expect("memory").breaks = true;
    let exit = run(&scene.invocation, order(true, false)).expect("a turn");
    assert_eq!(exit, Exit::Done);
    let text = fs::read_to_string(&scene.file).expect("the file");
    assert_eq!(text.matches("do: 2").count(), 1);
    let memory = scene.node.memory.lock().expect("memory");
    assert_eq!((memory.attaches, memory.outcomes.len()), (2, 1));
}

#[test]
fn a_turn_left_by_another_terminal_is_finished_here() {
    let scene = scene("edit_file", edit());
    {
        let mut memory = scene.node.memory.lock().expect("memory");
        memory.append(json!({"type": "session_created", "title": "t"}));
        memory.append(json!({"type": "turn_started", "turn": 1, "request_id": "elsewhere", "task": {}, "model": "m", "workspace_id": ""}));
        memory.append(json!({"type": "tool_call_intended", "turn": 1, "call_id": "call-1", "name": "edit_file", "arguments": edit().to_string()}));
    }
    let request = GetSessionRequest {
        session_id: SESSION.into(),
        include_events: true,
        ..Default::default()
    };
    let detail = scene
        .invocation
        .call(async |client| Ok(client.get(request).await?))
        .expect("the session");
    let exit = resume(
        &scene.invocation,
        detail,
        ChangeOptions {
            dry_run: false,
            yes: true,
        },
    )
    .expect("a turn");
    assert_eq!(exit, Exit::Done);
    assert!(
        fs::read_to_string(&scene.file)
            .expect("the file")
            .contains("do: 2")
    );
}

#[test]
fn a_session_of_another_project_is_refused() {
    let scene = scene("read_file", json!({}));
    let workplace = scene.invocation.workplace().expect("a workplace");
    let foreign = SessionSummary {
        project: "git.example.org/team/other".into(),
        ..Default::default()
    };
    let error = check_project(&foreign, &workplace).expect_err("foreign");
    assert!(
        error.to_string().contains("git.example.org/team/other"),
        "{error}"
    );
}

#[test]
fn the_command_line_reaches_the_order() {
    let cli =
        args::parse(["aiex", "ask", "--dry-run", "why", "so"].map(Into::into)).expect("understood");
    let args::Command::Ask(ask) = cli.command else {
        panic!("not ask")
    };
    assert_eq!(ask.text, ["why", "so"]);
    assert!(ask.change.dry_run && !ask.change.yes);
}
