//! The program: its one line, its bill, its end, and what it says about a bad script.
#![allow(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aiex-scripted-provider"));
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A request on its own connection; gives the whole response.
async fn send(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!(
        "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

fn body_of(response: &str) -> Value {
    let body = response.split_once("\r\n\r\n").unwrap().1;
    // one chunk at most, so the JSON is what stands between the first and the last brace
    let (from, to) = (body.find('{').unwrap(), body.rfind('}').unwrap());
    serde_json::from_str(&body[from..=to]).unwrap()
}

#[tokio::test]
async fn it_prints_its_address_answers_and_keeps_the_bill() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let script = folder.join("steps.ndjson");
    std::fs::write(
        &script,
        "{\"say\":[{\"text\":\"hello\"}]}\n{\"say\":[{\"text\":\"again\"}]}\n",
    )
    .unwrap();
    let mut child = program()
        .arg("--script")
        .arg(&script)
        .args(["--port", "0"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let address = line["address"].as_str().unwrap();
    assert_eq!(line["openai_base_url"], format!("http://{address}/v1"));

    let messages = json!([{"role": "user", "content": "x"}]);
    let asked = json!({"model": "m", "messages": messages}).to_string();
    let answer = body_of(&send(address, "POST /v1/chat/completions", &asked).await);
    assert_eq!(answer["choices"][0]["message"]["content"], "hello");
    let refused = send(address, "POST /v1/chat/completions", "{}").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");

    let bill = body_of(&send(address, "GET /bill", "").await);
    assert_eq!(bill["count"], 2);
    let lines: Vec<(&Value, &Value, &Value)> = bill["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["status"], &it["outcome"], &it["output_tokens"]))
        .collect();
    assert_eq!(
        lines,
        [
            (&json!(200), &json!("complete"), &json!(2)),
            (&json!(400), &json!("refused"), &json!(0))
        ]
    );
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_bad_script_is_told_with_its_place() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let script = folder.join("bad.ndjson");
    std::fs::write(&script, "{\"say\":[]}\n{\"sya\":[]}\n").unwrap();
    for (path, expected) in [
        (script.clone(), "line 2"),
        (folder.join("absent"), "cannot be read"),
    ] {
        let output = program().arg("--script").arg(path).output().await.unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
}
