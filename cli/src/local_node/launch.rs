//! Finding the server program, starting it detached, and waiting until it serves.

use super::process::{Process, started_ticks};
use super::{LocalNode, Record, wait_until};
use crate::environment::now_unix_ms;
use crate::error::Error;
use aiex_proto::code::ErrorCode;
use serde::Deserialize;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Name of the server program.
const PROGRAM: &str = "aiex-node";
/// How long a node may take to print its addresses.
const ADDRESSES_WAIT_MS: u64 = 30_000;
/// How long a node may take to become ready.
const READY_WAIT_MS: u64 = 60_000;
/// Limit for one look at `/readyz`.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1_000);
/// A log above this size is put aside at the next start.
const LOG_BYTES_MAX: u64 = 8 << 20;

/// The line a node prints with `--print-addresses`; fields of later versions are ignored.
#[derive(Debug, Deserialize)]
struct Addresses {
    client: String,
    operations: String,
}

/// Looks for the server program: as told, beside this program, on the path.
pub(super) fn find_binary(
    told: Option<&Path>,
    search_path: Option<&OsStr>,
) -> Result<PathBuf, Error> {
    let hint =
        "install aiex-node beside aiex, set AIEX_NODE_BINARY, or name a cluster with --endpoint";
    if let Some(told) = told {
        return if is_executable(told) {
            Ok(told.to_owned())
        } else {
            Err(Error::refused(
                ErrorCode::NotFound,
                format!(
                    "AIEX_NODE_BINARY names {}, which is no executable file",
                    told.display()
                ),
                hint,
            ))
        };
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| own.parent().map(|dir| dir.join(PROGRAM)));
    let on_path = search_path
        .into_iter()
        .flat_map(std::env::split_paths)
        .map(|dir| dir.join(PROGRAM));
    beside
        .into_iter()
        .chain(on_path)
        .find(|candidate| is_executable(candidate))
        .ok_or_else(|| {
            Error::refused(
                ErrorCode::NotFound,
                format!("the server program {PROGRAM} was not found"),
                hint,
            )
        })
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Starts the node and waits until it is ready; a node that fails is ended.
pub(super) fn launch(binary: &Path, local: &LocalNode) -> Result<Record, Error> {
    let addresses_file = local.dir.join("addresses.json");
    let log_file = open_log(&local.log_file())?;
    // Lines of earlier runs explain nothing about this one.
    let log_start = log_file.metadata().map_or(0, |metadata| metadata.len());
    let mut child = spawn(binary, local, &addresses_file, log_file)?;
    let log = || local.last_log_lines(log_start);
    let started = wait_addresses(&mut child, &addresses_file, &log).and_then(|addresses| {
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let record = Record {
            pid,
            process_started_ticks: started_ticks(pid)
                .ok_or_else(|| failed("it ended at once", &log()))?,
            started_unix_ms: now_unix_ms(),
            client: addresses.client,
            operations: addresses.operations,
        };
        record.write(&local.dir)?;
        wait_ready(&record, &Process::of(&record, &local.dir), &log)?;
        Ok(record)
    });
    if started.is_err() {
        let _may_have_ended = child.kill();
        let _reaped = child.wait();
        Record::forget(&local.dir);
    }
    started
}

fn spawn(
    binary: &Path,
    local: &LocalNode,
    addresses_file: &Path,
    log: File,
) -> Result<Child, Error> {
    let addresses = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(addresses_file)
        .map_err(|error| Error::file("write", addresses_file, &error))?;
    let mut command = Command::new(binary);
    if local.node_config.exists() {
        command.arg("--config").arg(&local.node_config);
    }
    command
        .arg("--data-dir")
        .arg(&local.dir)
        .args([
            "--client-address",
            "127.0.0.1:0",
            "--operations-address",
            "127.0.0.1:0",
        ])
        .arg("--print-addresses")
        .arg("--bootstrap-token-file")
        .arg(local.token_file())
        .current_dir(&local.dir)
        .env_remove("AIEX_TOKEN")
        .stdin(Stdio::null())
        .stdout(addresses)
        .stderr(log)
        // Its own group: Ctrl-C in the terminal is for this program, not for the node.
        .process_group(0)
        .spawn()
        .map_err(|error| Error::file("start", binary, &error))
}

fn open_log(path: &Path) -> Result<File, Error> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LOG_BYTES_MAX) {
        let _kept_in_place_if_it_fails = fs::rename(path, path.with_extension("log.1"));
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::file("write", path, &error))
}

fn wait_addresses(
    child: &mut Child,
    file: &Path,
    log: &dyn Fn() -> Vec<String>,
) -> Result<Addresses, Error> {
    let mut found = None;
    let mut exit = None;
    wait_until(ADDRESSES_WAIT_MS, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        found = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .find_map(|line| serde_json::from_str(line).ok());
        if found.is_none() {
            exit = child.try_wait().ok().flatten();
        }
        found.is_some() || exit.is_some()
    });
    match (found, exit) {
        (Some(addresses), _) => Ok(addresses),
        (None, Some(status)) => Err(failed(&format!("it ended with {status}"), &log())),
        (None, None) => {
            let what = format!(
                "it printed no addresses within {} s",
                ADDRESSES_WAIT_MS / 1_000
            );
            Err(failed(&what, &log()))
        }
    }
}

/// Waits until `/readyz` answers 200 or the process is gone.
pub(super) fn wait_ready(
    record: &Record,
    process: &Process,
    log: &dyn Fn() -> Vec<String>,
) -> Result<(), Error> {
    let mut alive = true;
    let ready = wait_until(READY_WAIT_MS, || {
        if is_ready(&record.operations) {
            return true;
        }
        alive = process.is_alive();
        !alive
    });
    if ready && alive {
        return Ok(());
    }
    let what = if alive {
        format!("it was not ready within {} s", READY_WAIT_MS / 1_000)
    } else {
        "it ended".to_owned()
    };
    Err(failed(&what, &log()))
}

/// One look at `/readyz`, in plain HTTP: the address is on this machine.
pub(super) fn is_ready(operations: &str) -> bool {
    let probe = || -> Option<bool> {
        let address: SocketAddr = operations.trim_start_matches("http://").parse().ok()?;
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT).ok()?;
        stream.set_read_timeout(Some(PROBE_TIMEOUT)).ok()?;
        stream.set_write_timeout(Some(PROBE_TIMEOUT)).ok()?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        let mut head = [0_u8; 12];
        stream.read_exact(&mut head).ok()?;
        Some(head.starts_with(b"HTTP/1.") && head.ends_with(b" 200"))
    };
    probe().unwrap_or(false)
}

fn failed(what: &str, log: &[String]) -> Error {
    let mut message = format!("the private node did not start: {what}");
    for line in log {
        message.push_str("\n  ");
        message.push_str(line);
    }
    Error::refused(
        ErrorCode::Unavailable,
        message,
        "its log is node.log in the data directory (aiex show local); aiex doctor looks for causes",
    )
}
