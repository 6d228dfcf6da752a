//! `aiex show local`

use crate::environment::now_unix_ms;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::local_node::{LocalNode, Record};
use crate::present::table::{duration, pairs};
use crate::theme::Theme;
use serde_json::{Value, json};

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let local = LocalNode::new(&invocation.environment);
    let record = local.running();
    invocation
        .output
        .either(&document(&local, record.as_ref()), |theme| {
            text(&local, record.as_ref(), theme)
        })?;
    Ok(Exit::Done)
}

/// The state as JSON; null where nothing runs.
pub(super) fn document(local: &LocalNode, record: Option<&Record>) -> Value {
    json!({
        "running": record.is_some(),
        "pid": record.map(|record| record.pid),
        "client": record.map(|record| &record.client),
        "operations": record.map(|record| &record.operations),
        "started_unix_ms": record.map(|record| record.started_unix_ms),
        "data_dir": local.dir(),
        "log_file": local.log_file(),
    })
}

/// The state as lines.
pub(super) fn text(local: &LocalNode, record: Option<&Record>, theme: Theme) -> String {
    let mut rows = vec![("data", local.dir().display().to_string())];
    match record {
        Some(record) => {
            let up_ms = now_unix_ms().saturating_sub(record.started_unix_ms);
            rows.splice(
                0..0,
                [
                    ("state", "running".to_owned()),
                    ("process", record.pid.to_string()),
                ],
            );
            rows.push(("clients", record.client.clone()));
            rows.push(("operations", record.operations.clone()));
            rows.push(("up", duration(u64::try_from(up_ms).unwrap_or(0))));
        }
        None => rows.insert(0, ("state", "not running".to_owned())),
    }
    rows.push(("log", local.log_file().display().to_string()));
    pairs(&rows, theme)
}
