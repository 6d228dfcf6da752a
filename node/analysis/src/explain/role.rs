//! What kind of module it is, from what it uses, implements and declares.

use super::{Fact, fact};
use crate::chunk::{ChunkKind, FunctionKind};
use crate::graph::CodeGraph;
use crate::module::{FileAnalysis, ModuleForm, ModuleInfo};

/// Modules to `use` and what that makes of a module.
const KNOWN_USES: [(&str, &str); 26] = [
    ("GenServer", "GenServer"),
    ("Supervisor", "supervisor"),
    ("DynamicSupervisor", "dynamic supervisor"),
    ("Agent", "agent"),
    ("Task", "task"),
    ("Application", "application callback module"),
    ("Mix.Task", "Mix task"),
    ("Mix.Project", "Mix project"),
    ("Ecto.Schema", "Ecto schema"),
    ("Ecto.Repo", "Ecto repository"),
    ("Ecto.Migration", "Ecto migration"),
    ("Ecto.Type", "Ecto type"),
    ("Plug.Router", "Plug router"),
    ("Plug.Builder", "plug pipeline"),
    ("Phoenix.Router", "Phoenix router"),
    ("Phoenix.Controller", "Phoenix controller"),
    ("Phoenix.LiveView", "LiveView"),
    ("Phoenix.LiveComponent", "LiveView component"),
    ("Phoenix.Component", "Phoenix component"),
    ("Phoenix.Endpoint", "Phoenix endpoint"),
    ("Phoenix.Channel", "Phoenix channel"),
    ("GenStage", "GenStage stage"),
    ("Broadway", "Broadway pipeline"),
    ("Oban.Worker", "Oban worker"),
    ("ExUnit.Case", "test module"),
    ("ExUnit.CaseTemplate", "test case template"),
];

/// Short names of the roles, for the headline.
pub(super) fn names(info: &ModuleInfo, file: &FileAnalysis) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    match &info.form {
        ModuleForm::Protocol => out.push("protocol".to_owned()),
        ModuleForm::Implementation { protocol, target } => {
            out.push(format!("implementation of `{protocol}` for `{target}`"));
        }
        ModuleForm::Module => {}
    }
    for used in &info.uses {
        let known = KNOWN_USES.iter().find(|(module, _)| *module == used.module);
        let web = used.options.trim().strip_prefix(':').filter(|kind| {
            used.module.ends_with("Web") && kind.chars().all(|c| c == '_' || c.is_alphanumeric())
        });
        let name = match (known, web) {
            (Some((_, name)), _) => (*name).to_owned(),
            (None, Some(kind)) => kind.replace('_', " "),
            (None, None) => continue,
        };
        if !out.contains(&name) {
            out.push(name);
        }
    }
    if is_exception(info, file) {
        out.push("exception".to_owned());
    } else if info.struct_fields.is_some() && !out.iter().any(|n| n == "Ecto schema") {
        out.push("struct".to_owned());
    }
    if !info.callbacks.is_empty() && info.form == ModuleForm::Module {
        out.push("behaviour".to_owned());
    }
    out
}

/// The same with evidence and particulars.
pub(super) fn facts(graph: &CodeGraph, info: &ModuleInfo, file: &FileAnalysis) -> Vec<Fact> {
    let path = file.path.as_str();
    let start = info.span.start_line;
    let mut out = Vec::new();
    match &info.form {
        ModuleForm::Protocol => {
            let targets: Vec<String> = graph
                .modules()
                .filter_map(|(m, _)| match &m.form {
                    ModuleForm::Implementation { protocol, target } if *protocol == info.name => {
                        Some(format!("`{target}`"))
                    }
                    _ => None,
                })
                .collect();
            let known = if targets.is_empty() {
                "no implementation in this project".to_owned()
            } else {
                format!("implemented here for {}", listed(&targets))
            };
            out.push(fact(format!("It is a protocol; {known}."), path, start));
        }
        ModuleForm::Implementation { protocol, target } => {
            out.push(fact(
                format!("It implements the protocol `{protocol}` for `{target}`."),
                path,
                start,
            ));
        }
        ModuleForm::Module => {}
    }
    for used in &info.uses {
        let options = used.options.trim();
        let options = if options.is_empty() || options.len() > 60 {
            String::new()
        } else {
            format!(", {}", one(options))
        };
        let meaning = KNOWN_USES
            .iter()
            .find(|(m, _)| *m == used.module)
            .map_or(String::new(), |(_, name)| format!(" ({name})"));
        out.push(fact(
            format!("It uses `{}{options}`{meaning}.", used.module),
            path,
            used.line,
        ));
    }
    for behaviour in &info.behaviours {
        let line = line_of_attribute(info, "behaviour", start);
        out.push(fact(
            format!("It implements the behaviour `{behaviour}`."),
            path,
            line,
        ));
    }
    out.extend(structure(info, file));
    out.extend(contract(graph, info, file));
    out.extend(used_by(graph, info, file));
    out
}

/// The struct or exception.
fn structure(info: &ModuleInfo, file: &FileAnalysis) -> Option<Fact> {
    let fields = info.struct_fields.as_ref()?;
    let kind = if is_exception(info, file) {
        "an exception"
    } else {
        "a struct"
    };
    let line = data_line(file, info).unwrap_or(info.span.start_line);
    let fields: Vec<String> = fields
        .iter()
        .map(|f| {
            if matches!(f.default.as_str(), "" | "nil") {
                format!("`{}`", f.name)
            } else {
                format!("`{}: {}`", f.name, one(&f.default))
            }
        })
        .collect();
    let with = if fields.is_empty() {
        "without fields".to_owned()
    } else {
        format!("with {}", listed(&fields))
    };
    Some(fact(format!("It defines {kind} {with}."), &file.path, line))
}

/// The callbacks and who implements them.
fn contract(graph: &CodeGraph, info: &ModuleInfo, file: &FileAnalysis) -> Option<Fact> {
    if info.callbacks.is_empty() || info.form != ModuleForm::Module {
        return None;
    }
    let callbacks: Vec<String> = info
        .callbacks
        .iter()
        .map(|c| format!("`{}/{}`", c.name, c.arity))
        .collect();
    let line = info
        .callbacks
        .first()
        .map_or(info.span.start_line, |c| c.line);
    let implementers: Vec<String> = graph
        .modules()
        .filter(|(m, _)| {
            m.behaviours.contains(&info.name) || m.uses.iter().any(|u| u.module == info.name)
        })
        .map(|(m, _)| format!("`{}`", m.name))
        .collect();
    let by = if implementers.is_empty() {
        "no module of this project implements it".to_owned()
    } else {
        format!("implemented by {}", listed(&implementers))
    };
    Some(fact(
        format!(
            "It is a behaviour with the callbacks {}; {by}.",
            listed(&callbacks)
        ),
        &file.path,
        line,
    ))
}

fn used_by(graph: &CodeGraph, info: &ModuleInfo, file: &FileAnalysis) -> Option<Fact> {
    let using = graph
        .functions_of(&info.name)
        .into_iter()
        .find(|c| c.name == "__using__")?;
    let users: Vec<String> = graph
        .modules()
        .filter(|(m, _)| m.uses.iter().any(|u| u.module == info.name))
        .map(|(m, _)| format!("`{}`", m.name))
        .collect();
    let by = if users.is_empty() {
        "no module of this project does".to_owned()
    } else {
        format!("{} do: {}", users.len(), listed(&users))
    };
    Some(fact(
        format!("It is made to be used with `use {}`; {by}.", info.name),
        &file.path,
        super::first_line_of(using),
    ))
}

fn is_exception(info: &ModuleInfo, file: &FileAnalysis) -> bool {
    file.chunks.iter().any(|c| {
        c.module == info.name
            && matches!(&c.kind, ChunkKind::Data { call } if call == "defexception")
    })
}

fn data_line(file: &FileAnalysis, info: &ModuleInfo) -> Option<u32> {
    let wanted = |call: &str| {
        matches!(
            call,
            "defstruct" | "defexception" | "schema" | "embedded_schema" | "typedstruct"
        )
    };
    let chunk = file.chunks.iter().find(|c| {
        c.module == info.name && matches!(&c.kind, ChunkKind::Data { call } if wanted(call))
    })?;
    Some(super::first_line_of(chunk))
}

fn line_of_attribute(info: &ModuleInfo, name: &str, otherwise: u32) -> u32 {
    info.attributes
        .iter()
        .find(|a| a.name == name)
        .map_or(otherwise, |a| a.line)
}

/// Joins with commas; long lists end in a count.
pub(super) fn listed(items: &[String]) -> String {
    const SHOWN: usize = 12;
    if items.len() <= SHOWN {
        return items.join(", ");
    }
    format!(
        "{} and {} more",
        items[..SHOWN].join(", "),
        items.len() - SHOWN
    )
}

pub(super) fn one(source: &str) -> String {
    crate::clause::one_line(source)
}

/// Counts of public functions, macros and private ones.
pub(super) fn counts(graph: &CodeGraph, module: &str) -> (usize, usize, usize) {
    let (mut functions, mut macros, mut private) = (0, 0, 0);
    for chunk in graph.functions_of(module) {
        match &chunk.kind {
            ChunkKind::Function {
                function: FunctionKind::Def | FunctionKind::Defdelegate,
            } => functions += 1,
            ChunkKind::Function { function } if function.is_public() => macros += 1,
            _ => private += 1,
        }
    }
    (functions, macros, private)
}
