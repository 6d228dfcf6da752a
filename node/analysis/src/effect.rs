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

/// Erlang modules whose `put` and `delete` work on values.
const PLAIN_DATA: [&str; 15] = [
    ":maps", ":queue", ":dict", ":orddict", ":gb_trees", ":gb_sets", ":sets", ":ordsets", ":array", ":lists", ":proplists", ":erlang",
    ":binary", ":string", ":unicode",
];

/// Says what a remote call does; `None` when nothing is known.
pub(crate) fn of_remote(module: &str, function: &str) -> Option<Effect> {
    use Effect::{Depends, Prints, Reads, Writes};
    let last = module.rsplit('.').next().unwrap_or(module);
    Some(match (module, function) {
        (
            "File",
            "read" | "read!" | "exists?" | "stat" | "stat!" | "ls" | "ls!" | "dir?" | "regular?"
            | "lstat" | "cwd" | "cwd!",
        ) => Reads("reads the file system"),
        (":file", "get_cwd" | "read_file_info" | "list_dir") => Reads("reads the file system"),
        (":code", "is_loaded" | "ensure_loaded" | "which" | "get_object_code" | "priv_dir" | "lib_dir") => {
            Reads("looks at loaded code")
        }
        ("File" | ":file" | ":filelib" | ":disk_log", _) => Writes("works on files"),
        ("IO", "read" | "gets" | "getn" | "stream") => Depends("reads from a device"),
        ("IO" | ":io", "puts" | "write" | "inspect" | "warn" | "format" | "binwrite") => {
            Prints("prints")
        }
        ("Logger", _) => Prints("logs"),
        ("System", "cmd" | "shell" | "halt" | "stop" | "put_env" | "delete_env" | "at_exit") => {
            Writes("acts on the system")
        }
        ("System", "get_env" | "fetch_env" | "fetch_env!" | "argv" | "user_home") => {
            Reads("reads the environment")
        }
        (
            "System" | ":os" | ":erlang",
            "monotonic_time" | "os_time" | "system_time" | "unique_integer" | "timestamp",
        ) => Reads("reads the clock"),
        (":os", "cmd") | (":init", _) | ("Port" | ":code", _) => Writes("acts on the system"),
        (
            "Application",
            "put_env" | "delete_env" | "stop" | "start" | "ensure_all_started" | "put_all_env",
        ) => Writes("changes applications"),
        ("Application", "get_env" | "fetch_env" | "fetch_env!" | "compile_env") => {
            Reads("reads application configuration")
        }
        ("Process", "sleep") | (":timer", _) => Depends("waits"),
        ("Process", "get" | "whereis" | "alive?" | "info" | "list" | "registered") => {
            Reads("looks at processes")
        }
        ("Process", _) => Writes("acts on processes"),
        ("Node" | ":net_kernel" | ":rpc" | ":global", _) => Writes("acts on the cluster"),
        ("GenServer", "call" | "cast" | "multi_call" | "abcast" | "reply")
        | (":gen_server" | ":gen_statem", _) => Depends("talks to a process"),
        (
            "GenServer"
            | "Supervisor"
            | "DynamicSupervisor"
            | "Task"
            | "Task.Supervisor"
            | "Agent"
            | "Registry"
            | "GenStage"
            | "PartitionSupervisor",
            _,
        ) => Depends("works with processes"),
        (
            ":ets" | ":dets" | ":persistent_term" | ":counters" | ":atomics",
            "lookup" | "get" | "info" | "match" | "select" | "tab2list" | "member"
            | "lookup_element",
        ) => Reads("reads a shared table"),
        (":ets" | ":dets" | ":persistent_term" | ":counters" | ":atomics", _) => {
            Writes("writes a shared table")
        }
        (":mnesia", _) => Writes("uses a database"),
        (
            ":httpc" | ":gen_tcp" | ":gen_udp" | ":ssl" | ":ssh" | ":inet" | ":hackney"
            | "HTTPoison" | "Req" | "Finch" | "Tesla" | "Mint.HTTP",
            _,
        ) => Writes("uses the network"),
        (
            "Code",
            "eval_string" | "eval_quoted" | "eval_file" | "compile_string" | "compile_file"
            | "require_file" | "compile_quoted",
        ) => Writes("runs other code"),
        ("Mix" | "Mix.Task" | "Mix.Project" | "Mix.Generator" | "Mix.Shell" | "Mix.shell", _) => {
            Depends("needs Mix")
        }
        (
            ":rand" | ":crypto",
            "uniform" | "normal" | "strong_rand_bytes" | "bytes" | "uniform_real" | "seed",
        ) => Reads("uses random numbers"),
        ("Enum", "random" | "shuffle" | "take_random") => Reads("uses random numbers"),
        (
            "DateTime" | "NaiveDateTime" | "Time" | "Date",
            "utc_now" | "utc_today" | "now" | "local_now" | "now!",
        ) => Reads("reads the clock"),
        ("Phoenix.PubSub", _) => Writes("publishes messages"),
        (erlang, "put" | "insert" | "delete" | "set" | "write" | "set_env" | "unset_env" | "start" | "stop")
            if erlang.starts_with(':') && !PLAIN_DATA.contains(&erlang) =>
        {
            Writes("changes something outside")
        }
        _ if last == "Repo" => Writes("uses a database"),
        _ if last == "Endpoint" && matches!(function, "broadcast" | "broadcast!") => {
            Writes("publishes messages")
        }
        _ => return None,
    })
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
