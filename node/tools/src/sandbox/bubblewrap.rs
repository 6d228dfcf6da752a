//! The bubblewrap command line: a small read-only root, the lent directories, private everything else.

use std::{
    ffi::{OsStr, OsString},
    os::fd::AsRawFd,
    path::Path,
    process::Command,
};

use super::{
    job::{Access, Job},
    process::{Prepared, memory_file},
    seccomp::{Sockets, bytes, filters},
};
use crate::error::{Error, Result};

/// Files of `/etc` that name resolution, users, time zones and certificates need.
const ETC: [&str; 9] = [
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/erlang",
];
/// Size of the private `/tmp`, in bytes.
const TEMPORARY_BYTES_MAX: u64 = 1 << 30;

/// Everything private that bubblewrap offers, and no way back.
const FENCE: [&str; 12] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--hostname",
    "sandbox",
];

/// Builds the command that runs a job.
pub(super) fn command(bubblewrap: &Path, job: &Job, home: &Path) -> Result<Prepared> {
    let failed = |error: std::io::Error| Error::io("preparing the sandbox", error);
    let mut words = Words::default();
    words.add(FENCE);
    words.add(["--clearenv"]);
    for (name, value) in &job.env {
        words.add(["--setenv", name.as_str(), value.as_str()]);
    }
    system(&mut words);
    words.bind("--bind", home, home);
    for mount in &job.mounts {
        let kind = if mount.access == Access::Read {
            "--ro-bind"
        } else {
            "--bind"
        };
        words.bind(kind, &mount.from, &mount.to);
    }
    // after the last mount point is made: what lies between the mounts is no place to write to
    words.add(["--remount-ro", "/"]);
    words.add([OsStr::new("--chdir"), job.directory.as_os_str()]);
    let mut inherited = Vec::new();
    for filter in
        filters(Sockets::Internet).map_err(|error| failed(std::io::Error::other(error)))?
    {
        let file = memory_file("seccomp", &bytes(&filter)).map_err(failed)?;
        words.add(["--add-seccomp-fd", &file.as_raw_fd().to_string()]);
        inherited.push(file);
    }
    words.add([OsStr::new("--"), job.program.as_os_str()]);
    let mut command = Command::new(bubblewrap);
    command
        .args(words.0)
        .args(&job.arguments)
        .env_clear()
        .current_dir("/");
    Ok(Prepared { command, inherited })
}

/// The read-only system and the private directories every command has.
fn system(words: &mut Words) {
    words.add(["--ro-bind", "/usr", "/usr"]);
    for directory in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
        match std::fs::read_link(directory) {
            Ok(target) => words.add([
                OsStr::new("--symlink"),
                target.as_os_str(),
                directory.as_ref(),
            ]),
            Err(_) => words.add(["--ro-bind-try", directory, directory]),
        }
    }
    for file in ETC {
        words.add(["--ro-bind-try", file, file]);
    }
    words.add(["--proc", "/proc", "--dev", "/dev"]);
    words.add([
        "--size",
        &TEMPORARY_BYTES_MAX.to_string(),
        "--tmpfs",
        "/tmp",
    ]);
}

/// The argument list under construction.
#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn add<const N: usize>(&mut self, words: [impl AsRef<OsStr>; N]) {
        self.0
            .extend(words.iter().map(|word| word.as_ref().to_owned()));
    }

    fn bind(&mut self, kind: &str, from: &Path, to: &Path) {
        self.add([OsStr::new(kind), from.as_os_str(), to.as_os_str()]);
    }
}
