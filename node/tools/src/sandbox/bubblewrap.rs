//! The bubblewrap command line: a small read-only root, the lent directories, private everything else.

use std::{
    ffi::OsString,
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
    "/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/localtime",
    "/etc/ssl/certs", "/etc/alternatives", "/etc/ld.so.cache", "/etc/erlang",
];
/// Size of the private `/tmp`, in bytes.
const TEMPORARY_BYTES_MAX: u64 = 1 << 30;

/// Builds the command that runs a job.
pub(super) fn command(bubblewrap: &Path, job: &Job, home: &Path) -> Result<Prepared> {
    let failed = |error: std::io::Error| Error::io("preparing the sandbox", error);
    let mut inherited = Vec::new();
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |parts: &[&std::ffi::OsStr]| arguments.extend(parts.iter().map(OsString::from));
    for flag in ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"] {
        push(&[flag.as_ref()]);
    }
    push(&["--die-with-parent".as_ref(), "--new-session".as_ref(), "--cap-drop".as_ref(), "ALL".as_ref()]);
    push(&["--hostname".as_ref(), "sandbox".as_ref(), "--clearenv".as_ref()]);
    for (name, value) in &job.env {
        push(&["--setenv".as_ref(), name.as_ref(), value.as_ref()]);
    }
    push(&["--ro-bind".as_ref(), "/usr".as_ref(), "/usr".as_ref()]);
    for directory in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
        let path = Path::new(directory);
        match std::fs::read_link(path) {
            Ok(target) => push(&["--symlink".as_ref(), target.as_ref(), directory.as_ref()]),
            Err(_) => push(&["--ro-bind-try".as_ref(), directory.as_ref(), directory.as_ref()]),
        }
    }
    for file in ETC {
        push(&["--ro-bind-try".as_ref(), file.as_ref(), file.as_ref()]);
    }
    let size = TEMPORARY_BYTES_MAX.to_string();
    push(&["--proc".as_ref(), "/proc".as_ref(), "--dev".as_ref(), "/dev".as_ref()]);
    push(&["--size".as_ref(), size.as_ref(), "--tmpfs".as_ref(), "/tmp".as_ref()]);
    push(&["--bind".as_ref(), home.as_ref(), home.as_ref()]);
    for mount in &job.mounts {
        let kind = if mount.access == Access::Read { "--ro-bind" } else { "--bind" };
        push(&[kind.as_ref(), mount.from.as_ref(), mount.to.as_ref()]);
    }
    // after the last mount point is made: what lies between the mounts is no place to write to
    push(&["--remount-ro".as_ref(), "/".as_ref()]);
    push(&["--chdir".as_ref(), job.directory.as_ref()]);
    for filter in filters(Sockets::Internet).map_err(|error| failed(std::io::Error::other(error)))? {
        let file = memory_file("seccomp", &bytes(&filter)).map_err(failed)?;
        push(&["--add-seccomp-fd".as_ref(), file.as_raw_fd().to_string().as_ref()]);
        inherited.push(file);
    }
    push(&["--".as_ref(), job.program.as_ref()]);
    arguments.extend(job.arguments.iter().map(OsString::from));
    let mut command = Command::new(bubblewrap);
    command.args(arguments).env_clear().current_dir("/");
    Ok(Prepared { command, inherited })
}
