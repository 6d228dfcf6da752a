//! Starts a prepared command, collects its output in one loop, and ends it and its offspring.
//!
//! The only unsafe code of the crate is here: two settings between fork and exec.
#![allow(unsafe_code)]

use std::{
    io::Read,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open, setrlimit,
    },
};

use super::{
    job::{Finished, Job},
    window::{WINDOW_BYTES, Window},
};
use crate::{
    clock::Stopwatch,
    error::{Error, Result},
    output::without_controls,
};

/// Open files of one process.
const OPEN_FILES_MAX: u64 = 4096;
/// Largest file a command may write, in bytes.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Address space of one process, in bytes. The BEAM reserves gigabytes that it does not use.
const ADDRESS_BYTES_MAX: u64 = 16 << 30;
/// How long outputs may stay open after the command itself has ended.
const LINGER: Duration = Duration::from_millis(200);

/// A command ready to start, with the descriptors it must inherit.
pub(super) struct Prepared {
    pub(super) command: Command,
    pub(super) inherited: Vec<OwnedFd>,
}

impl Prepared {
    /// The job with no boundary but limits and a clean environment.
    pub(super) fn plain(job: &Job) -> Self {
        let mut command = Command::new(&job.program);
        command
            .args(&job.arguments)
            .current_dir(&job.directory)
            .env_clear()
            .envs(job.env.iter().cloned());
        Self {
            command,
            inherited: Vec::new(),
        }
    }
}

/// Runs to the end or to the limit. Afterwards nothing of the command's process group lives.
pub(super) fn run(prepared: Prepared, stdin: Option<&str>, limit: Duration) -> Result<Finished> {
    let Prepared {
        mut command,
        inherited,
    } = prepared;
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| Error::io(format!("starting {program}"), error);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command.stdin(match stdin {
        Some(text) => Stdio::from(std::fs::File::from(
            memory_file("stdin", text.as_bytes()).map_err(failed)?,
        )),
        None => Stdio::null(),
    });
    let passed: Vec<RawFd> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
    // SAFETY: the closure makes system calls only; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || prepare_child(&passed));
    }
    let stopwatch = Stopwatch::start();
    let mut child = command.spawn().map_err(failed)?;
    drop(inherited);
    let collected = collect(&mut child, stopwatch, limit);
    let group = Pid::from_child(&child);
    // whatever stayed behind in the group goes too, also after a failure to collect
    kill_process_group(group, Signal::KILL).ok();
    let status = child
        .wait()
        .map_err(|error| Error::io(format!("waiting for {program}"), error))?;
    let (stdout, stderr, timed_out) =
        collected.map_err(|error| Error::io(format!("reading from {program}"), error))?;
    Ok(Finished {
        exit: status.code(),
        timed_out,
        exact_stdout: stdout.exact(),
        stdout: without_controls(&stdout.into_text()),
        stderr: without_controls(&stderr.into_text()),
        duration_ms: stopwatch.elapsed_ms(),
    })
}

/// A file in memory, read from its beginning.
pub(super) fn memory_file(name: &str, bytes: &[u8]) -> std::io::Result<OwnedFd> {
    use std::io::{Seek, Write};
    let descriptor = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(descriptor);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// The limits every command gets; also applied by the Landlock launcher to itself.
pub(super) fn limit_resources() -> std::io::Result<()> {
    let limits = [
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Fsize, FILE_BYTES_MAX),
        (Resource::As, ADDRESS_BYTES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let ceiling = rustix::process::getrlimit(resource)
            .maximum
            .map_or(most, |maximum| maximum.min(most));
        setrlimit(
            resource,
            Rlimit {
                current: Some(ceiling),
                maximum: Some(ceiling),
            },
        )?;
    }
    Ok(())
}

fn prepare_child(passed: &[RawFd]) -> std::io::Result<()> {
    for descriptor in passed {
        // SAFETY: the parent keeps these open until after the exec; they are borrowed for one call.
        let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(*descriptor) };
        rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::empty())?;
    }
    limit_resources()
}

/// Reads both outputs until the command ends, or kills its group at the limit.
fn collect(
    child: &mut Child,
    stopwatch: Stopwatch,
    limit: Duration,
) -> std::io::Result<(Window, Window, bool)> {
    let group = Pid::from_child(child);
    let ended = pidfd_open(group, PidfdFlags::empty())?;
    let mut streams = [
        take(child.stdout.take().map(OwnedFd::from))?,
        take(child.stderr.take().map(OwnedFd::from))?,
    ];
    let (mut timed_out, mut deadline, mut exited) = (false, limit, false);
    loop {
        let elapsed = stopwatch.elapsed();
        if elapsed >= deadline {
            if exited || timed_out {
                break;
            }
            timed_out = true;
            deadline = elapsed + LINGER;
            kill_process_group(group, Signal::KILL).ok();
            continue;
        }
        let open: Vec<usize> = (0..streams.len())
            .filter(|index| streams[*index].open.is_some())
            .collect();
        if exited && open.is_empty() {
            break;
        }
        let ready = wait(
            &streams,
            &open,
            (!exited).then_some(&ended),
            deadline - elapsed,
        )?;
        for index in open {
            if ready.streams[index] {
                streams[index].drain()?;
            }
        }
        if ready.exited {
            exited = true;
            // a grandchild may hold the pipes; it gets a moment, not the rest of the time limit
            deadline = stopwatch.elapsed() + LINGER;
        }
    }
    let [stdout, stderr] = streams;
    Ok((stdout.window, stderr.window, timed_out))
}

struct Ready {
    streams: [bool; 2],
    exited: bool,
}

fn wait(
    streams: &[Stream; 2],
    open: &[usize],
    ended: Option<&OwnedFd>,
    time: Duration,
) -> std::io::Result<Ready> {
    let mut watched: Vec<PollFd<'_>> = open
        .iter()
        .filter_map(|index| streams[*index].open.as_ref())
        .map(|file| PollFd::new(file, PollFlags::IN))
        .collect();
    if let Some(ended) = ended {
        watched.push(PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN));
    }
    let time = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    match poll(&mut watched, Some(&time)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = Ready {
        streams: [false; 2],
        exited: false,
    };
    for (position, index) in open.iter().enumerate() {
        ready.streams[*index] = !watched[position].revents().is_empty();
    }
    ready.exited = ended.is_some()
        && watched
            .last()
            .is_some_and(|watched| !watched.revents().is_empty());
    Ok(ready)
}

struct Stream {
    open: Option<std::fs::File>,
    window: Window,
}

fn take(pipe: Option<OwnedFd>) -> std::io::Result<Stream> {
    let open = pipe.map(std::fs::File::from);
    if let Some(file) = &open {
        rustix::io::ioctl_fionbio(file, true)?;
    }
    Ok(Stream {
        open,
        window: Window::new(WINDOW_BYTES),
    })
}

impl Stream {
    /// Takes what is there now.
    fn drain(&mut self) -> std::io::Result<()> {
        const CHUNK: usize = 64 << 10;
        /// Chunks before the clock is looked at again: an endless writer must not hold the loop.
        const CHUNKS_MAX: usize = 64;
        let mut buffer = vec![0; CHUNK];
        for _ in 0..CHUNKS_MAX {
            let Some(file) = &mut self.open else {
                return Ok(());
            };
            match file.read(&mut buffer) {
                Ok(0) => self.open = None,
                Ok(bytes) => self.window.push(&buffer[..bytes]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stdin: Option<&str>, limit_ms: u64) -> Finished {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        run(
            Prepared {
                command,
                inherited: Vec::new(),
            },
            stdin,
            Duration::from_millis(limit_ms),
        )
        .unwrap()
    }

    #[test]
    fn collects_both_outputs_and_the_exit() {
        let finished = shell("cat; echo err >&2; exit 3", Some("in\n"), 10_000);
        assert_eq!(
            (
                finished.exit,
                finished.stdout.as_str(),
                finished.stderr.as_str()
            ),
            (Some(3), "in\n", "err\n")
        );
    }

    #[test]
    fn an_endless_writer_is_stopped_and_shown_in_part() {
        let finished = shell(
            "echo first; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
            None,
            300,
        );
        assert!(finished.timed_out && finished.stdout.starts_with("first"));
        assert!(finished.stdout.len() < WINDOW_BYTES + 100);
    }

    #[test]
    fn offspring_dies_with_the_group() {
        let finished = shell("sleep 600 & echo $!; exec sleep 600", None, 200);
        assert!(finished.timed_out);
        let pid: i32 = finished.stdout.trim().parse().unwrap();
        let gone = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.contains(") Z "))
        };
        let waited = Stopwatch::start();
        while !gone() && waited.elapsed_ms() < 5_000 {
            std::thread::yield_now();
        }
        assert!(gone(), "{pid} still runs");
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_does_not_hold_us() {
        let finished = shell("setsid sleep 5 & echo done", None, 60_000);
        assert!(finished.duration_ms < 4_000 && finished.stdout == "done\n" && !finished.timed_out);
    }
}
