//! A node as a process: started until it answers, looked at through `/proc`, stopped or killed.

use anyhow::{Context as _, bail, ensure};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// No start or stop takes longer on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ticks a second in `/proc`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running node; dropping it kills it.
pub(crate) struct NodeProcess {
    child: Child,
    operations: String,
}

impl NodeProcess {
    /// Starts a node on `home`; gives it and the time until `/readyz` said yes.
    pub(crate) async fn start(program: &Path, home: &Path) -> anyhow::Result<(Self, Duration)> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.join("log"))?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .arg("--data-dir")
            .arg(home.join("data"))
            .args([
                "--client-address",
                "127.0.0.1:0",
                "--operations-address",
                "127.0.0.1:0",
            ])
            .arg("--bootstrap-token-file")
            .arg(home.join("token"))
            .arg("--print-addresses")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let stdout = child.stdout.take().context("the node has no stdout")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        let read = timeout(PATIENCE, reader.read_line(&mut line)).await;
        read.context("the node printed no addresses in time")??;
        let Ok(addresses) = serde_json::from_str::<serde_json::Value>(&line) else {
            let log = std::fs::read_to_string(home.join("log")).unwrap_or_default();
            bail!("the node did not come up: {log}");
        };
        let operations = addresses["operations"]
            .as_str()
            .context("no operations address")?;
        let node = Self {
            child,
            operations: operations.to_owned(),
        };
        let ready = node.get("/readyz").await?;
        ensure!(ready.starts_with("HTTP/1.1 200"), "not ready: {ready}");
        Ok((node, started.elapsed()))
    }

    /// Asks the operations port.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<String> {
        let exchange = async {
            let mut stream = TcpStream::connect(&self.operations).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        timeout(PATIENCE, exchange)
            .await
            .context("the node does not answer")?
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(self.proc("status")?)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("no VmRSS")?.trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor time used so far.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(self.proc("stat")?)?;
        // the name in parentheses may hold spaces; after it come the state (third) and, as 14th and 15th, the times
        let (_, rest) = stat.rsplit_once(')').context("an unreadable stat")?;
        let ticks = rest
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
    }

    /// Asks the node to stop and waits for it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Duration> {
        let id = i32::try_from(self.child.id().context("the node is gone")?)?;
        let id = rustix::process::Pid::from_raw(id).context("no process id")?;
        let started = Instant::now();
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.context("the node does not stop")??;
        ensure!(status.success(), "the node stopped with {status}");
        Ok(started.elapsed())
    }

    /// Kills the node at once.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.id().context("the node is gone")?;
        Ok(format!("/proc/{id}/{file}"))
    }
}
