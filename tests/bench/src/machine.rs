//! One line on the machine, without which no figure means anything.

use std::path::Path;

/// File systems by their number in `statfs`.
const FILE_SYSTEMS: [(i64, &str); 5] = [
    (0xEF53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683E, "btrfs"),
    (
        0x0102_1994,
        "tmpfs (syncs cost nothing here: append figures mean little)",
    ),
    (0x794C_7630, "overlay"),
];

/// Describes processor, memory, load and the file system of `scratch`.
pub(crate) fn describe(scratch: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = first_line("/proc/sys/kernel/osrelease");
    let load = first_line("/proc/loadavg");
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let file_system = file_system(scratch);
    let build = if cfg!(debug_assertions) {
        "DEBUG build, figures mean nothing"
    } else {
        "release build"
    };
    format!(
        "{build}; {cores} cores, {} GiB memory, Linux {kernel}, scratch on {file_system}, load {load}",
        memory_gib()
    )
}

fn file_system(path: &Path) -> String {
    let Ok(found) = rustix::fs::statfs(path) else {
        return "an unknown file system".to_owned();
    };
    let number = found.f_type;
    let known = FILE_SYSTEMS.iter().find(|(magic, _)| *magic == number);
    known.map_or_else(
        || format!("file system {number:#x}"),
        |(_, name)| (*name).to_owned(),
    )
}

fn memory_gib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / (1 << 20)
}

fn first_line(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
