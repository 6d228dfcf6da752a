//! What known functions do to the world: a catalogue by module and name.
//!
//! Not complete and not a sandbox: it says what a reader wants to know and saves generated tests from obvious harm.

/// How a call touches the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Changes files, processes, the system or a database, or reaches the network.
    Writes(&'static str),
    /// Needs something running, or waits.
    Depends(&'static str),
    /// Reads what may differ next time.
    Reads(&'static str),
    /// Prints or logs.
    Prints(&'static str),
}

impl Effect {
    /// Says it in words for a reader.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Writes(words)
            | Self::Depends(words)
            | Self::Reads(words)
            | Self::Prints(words) => words,
        }
    }
}

/// Modules, functions (none: any), effect; the first row that fits counts.
type Row = (&'static [&'static str], &'static [&'static str], Effect);

#[rustfmt::skip]
const CATALOGUE: &[Row] = &[
    (&["File"], &["read", "read!", "exists?", "stat", "stat!", "ls", "ls!", "dir?", "regular?", "lstat", "cwd", "cwd!"], Effect::Reads("reads the file system")),
    (&[":file"], &["get_cwd", "read_file_info", "list_dir"], Effect::Reads("reads the file system")),
    (&["File", ":file", ":filelib", ":disk_log"], &[], Effect::Writes("works on files")),
    (&["IO"], &["read", "gets", "getn", "stream"], Effect::Depends("reads from a device")),
    (&["IO", ":io"], &["puts", "write", "inspect", "warn", "format", "binwrite"], Effect::Prints("prints")),
    (&["Logger"], &[], Effect::Prints("logs")),
    (&["System", ":os", ":erlang"], &["monotonic_time", "os_time", "system_time", "unique_integer", "timestamp"], Effect::Reads("reads the clock")),
    (&["System"], &["cmd", "shell", "halt", "stop", "put_env", "delete_env", "at_exit"], Effect::Writes("acts on the system")),
    (&["System"], &["get_env", "fetch_env", "fetch_env!", "argv", "user_home"], Effect::Reads("reads the environment")),
    (&[":code"], &["is_loaded", "ensure_loaded", "which", "get_object_code", "priv_dir", "lib_dir"], Effect::Reads("looks at loaded code")),
    (&[":os"], &["cmd"], Effect::Writes("acts on the system")),
    (&[":init", ":code", "Port"], &[], Effect::Writes("acts on the system")),
    (&["Application"], &["put_env", "delete_env", "stop", "start", "ensure_all_started", "put_all_env"], Effect::Writes("changes applications")),
    (&["Application"], &["get_env", "fetch_env", "fetch_env!", "compile_env"], Effect::Reads("reads application configuration")),
    (&["Process"], &["sleep"], Effect::Depends("waits")),
    (&[":timer"], &[], Effect::Depends("waits")),
    (&["Process"], &["get", "whereis", "alive?", "info", "list", "registered"], Effect::Reads("looks at processes")),
    (&["Process"], &[], Effect::Writes("acts on processes")),
    (&["Node", ":net_kernel", ":rpc", ":global"], &[], Effect::Writes("acts on the cluster")),
    (&["GenServer"], &["call", "cast", "multi_call", "abcast", "reply"], Effect::Depends("talks to a process")),
    (&[":gen_server", ":gen_statem"], &[], Effect::Depends("talks to a process")),
    (&["GenServer", "Supervisor", "DynamicSupervisor", "Task", "Task.Supervisor", "Agent", "Registry", "GenStage", "PartitionSupervisor"], &[], Effect::Depends("works with processes")),
    (&[":ets", ":dets", ":persistent_term", ":counters", ":atomics"], &["lookup", "get", "info", "match", "select", "tab2list", "member", "lookup_element"], Effect::Reads("reads a shared table")),
    (&[":ets", ":dets", ":persistent_term", ":counters", ":atomics"], &[], Effect::Writes("writes a shared table")),
    (&[":mnesia"], &[], Effect::Writes("uses a database")),
    (&[":httpc", ":gen_tcp", ":gen_udp", ":ssl", ":ssh", ":inet", ":hackney", "HTTPoison", "Req", "Finch", "Tesla", "Mint.HTTP"], &[], Effect::Writes("uses the network")),
    (&["Code"], &["eval_string", "eval_quoted", "eval_file", "compile_string", "compile_file", "require_file", "compile_quoted"], Effect::Writes("runs other code")),
    (&["Mix", "Mix.Task", "Mix.Project", "Mix.Generator", "Mix.Shell"], &[], Effect::Depends("needs Mix")),
    (&[":rand", ":crypto"], &["uniform", "normal", "strong_rand_bytes", "bytes", "uniform_real", "seed"], Effect::Reads("uses random numbers")),
    (&["Enum"], &["random", "shuffle", "take_random"], Effect::Reads("uses random numbers")),
    (&["DateTime", "NaiveDateTime", "Time", "Date"], &["utc_now", "utc_today", "now", "local_now", "now!"], Effect::Reads("reads the clock")),
    (&["Phoenix.PubSub"], &[], Effect::Writes("publishes messages")),
];

/// Erlang modules whose `put` and `delete` work on values.
#[rustfmt::skip]
const PLAIN_DATA: [&str; 15] = [
    ":maps", ":queue", ":dict", ":orddict", ":gb_trees", ":gb_sets", ":sets", ":ordsets", ":array", ":lists", ":proplists",
    ":erlang", ":binary", ":string", ":unicode",
];

/// Names that change something when an unknown Erlang module has them.
const CHANGES: [&str; 9] = [
    "put",
    "insert",
    "delete",
    "set",
    "write",
    "set_env",
    "unset_env",
    "start",
    "stop",
];

/// Says what a remote call does; `None` when nothing is known.
pub(crate) fn of_remote(module: &str, function: &str) -> Option<Effect> {
    let fits = |(modules, functions, _): &&Row| {
        modules.contains(&module) && (functions.is_empty() || functions.contains(&function))
    };
    if let Some((_, _, effect)) = CATALOGUE.iter().find(fits) {
        return Some(*effect);
    }
    if module.starts_with(':') {
        let changes = CHANGES.contains(&function) && !PLAIN_DATA.contains(&module);
        return changes.then_some(Effect::Writes("changes something outside"));
    }
    match module.rsplit('.').next().unwrap_or(module) {
        "Repo" => Some(Effect::Writes("uses a database")),
        "Endpoint" if function.starts_with("broadcast") => {
            Some(Effect::Writes("publishes messages"))
        }
        _ => None,
    }
}

/// Says what a local call of the kernel does.
pub(crate) fn of_local(function: &str) -> Option<Effect> {
    Some(match function {
        "spawn" | "spawn_link" | "spawn_monitor" => Effect::Depends("starts a process"),
        "send" => Effect::Depends("sends a message"),
        "receive" => Effect::Depends("waits for a message"),
        "exit" => Effect::Writes("ends the process"),
        "make_ref" | "self" | "node" => Effect::Reads("depends on the running process"),
        _ => return None,
    })
}
