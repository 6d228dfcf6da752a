//! A data directory that cannot be used gives one clear error.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
    sync::Arc,
};

use aiex_coordinator::{Config, Coordinator, Error};

use crate::{child::Node, counter::Counter};

async fn refused(dir: &std::path::Path) -> Error {
    match Coordinator::start(Config::new(dir), Arc::new(Counter)).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

fn is_one_clear_line(error: &Error) -> bool {
    let text = error.to_string();
    !text.contains('\n') && text.contains("data directory")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use_by_another_process_is_refused_until_that_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(dir.path());
    assert_eq!(node.hear().as_deref(), Some("ready"));
    let error = refused(dir.path()).await;
    assert!(
        matches!(error, Error::Locked { .. }) && is_one_clear_line(&error),
        "{error}"
    );
    node.kill();
    let (_, coordinator) = Coordinator::start(Config::new(dir.path()), Arc::new(Counter))
        .await
        .unwrap();
    coordinator.shutdown().await.unwrap();
}

#[tokio::test]
async fn another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("NODE"), "format = 77\n").unwrap();
    let error = refused(dir.path()).await;
    assert!(
        matches!(&error, Error::Format { found, .. } if found == "format 77"),
        "{error}"
    );
    assert!(is_one_clear_line(&error), "{error}");
}

#[test]
fn a_read_only_directory_is_refused() {
    // Root may write anywhere: run as nobody, from a copy of this binary that nobody can reach.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    let binary = dir.path().join("node");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut program = Command::new(&binary);
    if fs::write(data.join("probe"), b"").is_ok() {
        fs::remove_file(data.join("probe")).unwrap();
        program.uid(65534);
    }
    let mut node = Node::start_with(program, &data);
    let said = node.hear().unwrap();
    assert!(
        said.starts_with("error data directory") && said.contains("is not writable"),
        "{said}"
    );
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}
