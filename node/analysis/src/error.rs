//! What a refactoring or a generator refuses, with a message a person can act on.

/// Why nothing was changed or generated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{text:?} is no function reference; write it as Module.function/arity")]
    BadReference { text: String },
    #[error("there is no function {reference}{}", suggestion(.candidates))]
    UnknownFunction {
        reference: String,
        candidates: Vec<String>,
    },
    #[error("there is no module {module}{}", suggestion(.candidates))]
    UnknownModule {
        module: String,
        candidates: Vec<String>,
    },
    #[error("{name:?} is not a valid function name: {reason}")]
    BadFunctionName { name: String, reason: &'static str },
    #[error("{name:?} is not a valid module name: {reason}")]
    BadModuleName { name: String, reason: &'static str },
    #[error("{module} already exists in {path}")]
    ModuleExists { module: String, path: String },
    #[error("{path} already exists and holds another module")]
    PathTaken { path: String },
    #[error("cannot tell which application {module} belongs to; name it after one of: {}", .applications.join(", "))]
    AmbiguousApplication {
        module: String,
        applications: Vec<String>,
    },
    #[error("{module}.{name}/{arity} already exists at {place}")]
    NameTaken {
        module: String,
        name: String,
        arity: u8,
        place: String,
    },
    #[error("cannot rename {reference}: {reason} ({place})")]
    RenameRefused {
        reference: String,
        reason: String,
        place: String,
    },
    #[error("{path} does not parse, so a rename could miss places in it; mend it first")]
    BrokenFile { path: String },
    #[error("the text of {path} is not available")]
    MissingSource { path: String },
    #[error("{module} has no public function to test")]
    NothingToTest { module: String },
}

fn suggestion(candidates: &[String]) -> String {
    if candidates.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", candidates.join(", "))
    }
}
