//! Starting, finding and stopping, with a small program in the place of the node.

use super::*;
use std::sync::{Mutex, MutexGuard};

/// One test at a time: a script that is still open for writing in one thread cannot be started by another.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A stand-in that behaves as `aiex-node` does towards this module. `serve` runs after the addresses are known.
fn node_script(dir: &Path, serve: &str) -> PathBuf {
    let path = dir.join("fake-node");
    let script = format!(
        r#"#!/usr/bin/env python3
import sys, os, http.server, json
args = sys.argv[1:]
value = lambda name: args[args.index(name) + 1]
data, token = value("--data-dir"), value("--bootstrap-token-file")
assert "--print-addresses" in args
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *rest): pass
{serve}
"#
    );
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}

const SERVES: &str = r#"
server = http.server.HTTPServer(("127.0.0.1", 0), Ready)
with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file: file.write("aiex_1_secret\n")
address = "127.0.0.1:%d" % server.server_port
print(json.dumps({"client": address, "operations": address, "peers": None}), flush=True)
server.serve_forever()
"#;

fn local(dir: &Path, serve: &str) -> LocalNode {
    LocalNode {
        node_config: dir.join("node.toml"),
        dir: dir.join("data"),
        node_binary: Some(node_script(dir, serve)),
        search_path: None,
    }
}

#[test]
fn a_node_is_started_once_found_again_and_stopped() {
    let _turn = turn();
    let dir = tempfile::tempdir().expect("a directory");
    let node = local(dir.path(), SERVES);
    assert!(node.running().is_none());
    assert_eq!(
        node.stop().expect("nothing to stop"),
        Stopped::WasNotRunning
    );
    let both = std::thread::scope(|scope| {
        let one = scope.spawn(|| node.start().expect("a start"));
        let two = scope.spawn(|| node.start().expect("a start"));
        [one.join().expect("a thread"), two.join().expect("a thread")]
    });
    assert_eq!(both[0].record, both[1].record, "two starts make one node");
    assert_eq!(both.iter().filter(|started| started.fresh).count(), 1);
    assert_eq!(node.running().as_ref(), Some(&both[0].record));
    node.token().expect("the token is there");
    LocalNode::endpoints(&both[0].record).expect("an address");
    let mode = |name: &str| {
        fs::metadata(node.dir.join(name))
            .expect(name)
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("node.json"), mode("token"), mode("node.log")),
        (0o600, 0o600, 0o600)
    );
    assert_eq!(node.stop().expect("a stop"), Stopped::Gracefully);
    assert!(node.running().is_none());
}

#[test]
fn a_node_that_fails_shows_its_last_errors() {
    let _turn = turn();
    let dir = tempfile::tempdir().expect("a directory");
    let node = local(
        dir.path(),
        "print('INFO opening', file=sys.stderr)\nprint('ERROR address already in use', file=sys.stderr)\nsys.exit(78)",
    );
    create_private_dir(&node.dir).expect("a directory");
    fs::write(node.log_file(), "ERROR of yesterday\n").expect("an old log");
    let error = node.start().expect_err("it ends");
    assert!(!error.to_string().contains("yesterday"), "{error}");
    assert!(
        error.to_string().contains("ERROR address already in use"),
        "{error}"
    );
    assert!(error.to_string().contains("78"), "{error}");
    assert!(!error.to_string().contains("INFO opening"), "{error}");
    assert_eq!(error.exit().code(), 7);
    assert!(node.running().is_none());
}

#[test]
fn a_foreign_process_under_the_same_id_is_left_alone() {
    let _turn = turn();
    let dir = tempfile::tempdir().expect("a directory");
    let node = local(dir.path(), SERVES);
    create_private_dir(&node.dir).expect("a directory");
    let own = i32::try_from(std::process::id()).expect("a process id");
    let ticks = process::started_ticks(own).expect("this process runs");
    for process_started_ticks in [ticks, ticks + 1] {
        let record = Record {
            pid: own,
            process_started_ticks,
            started_unix_ms: 0,
            client: "127.0.0.1:1".into(),
            operations: "127.0.0.1:1".into(),
        };
        record.write(&node.dir).expect("a note");
        assert!(node.running().is_none(), "this test is not a node");
        assert_eq!(
            node.stop().expect("nothing of ours"),
            Stopped::WasNotRunning
        );
    }
}

#[test]
fn a_missing_program_is_named_with_a_way_out() {
    let error =
        launch::find_binary(Some(Path::new("/nowhere/aiex-node")), None).expect_err("absent");
    assert!(error.to_string().contains("/nowhere/aiex-node"), "{error}");
    let error = launch::find_binary(None, Some("/nowhere".as_ref()));
    // Beside the test binary there may be a real node; either is right.
    assert!(error.is_ok() || error.is_err_and(|error| error.hint().contains("AIEX_NODE_BINARY")));
}

#[test]
fn a_token_others_can_read_is_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().expect("a directory");
    let node = local(dir.path(), SERVES);
    create_private_dir(&node.dir).expect("a directory");
    fs::write(node.token_file(), "aiex_1_secret").expect("a file");
    fs::set_permissions(node.token_file(), fs::Permissions::from_mode(0o644)).expect("a mode");
    let error = node.token().expect_err("too open");
    assert!(error.hint().contains("chmod 600"), "{}", error.hint());
}
