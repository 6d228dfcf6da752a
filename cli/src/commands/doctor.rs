//! `aiex doctor`: looks at everything a turn needs and says what is wrong, without changing anything.

use crate::config::Settings;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::{Invocation, Route, Workplace, block_on};
use crate::local_node::LocalNode;
use crate::output::printable;
use crate::theme::Theme;
use crate::tool_host::{Capabilities, Place, ToolHost};
use aiex_proto::v1::{ShowNodeRequest, WhoAmIRequest};
use serde::Serialize;
use std::path::PathBuf;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    message: String,
    hint: String,
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let settings = invocation.settings(None);
    let mut checks = vec![config_check(invocation, settings.as_ref())];
    let settings = settings.unwrap_or_default();
    match invocation.workplace() {
        Ok(workplace) => {
            checks.extend(project_checks(&workplace));
            invocation.output.progress("trying the sandbox");
            checks.extend(tool_checks(invocation, &settings, &workplace));
        }
        Err(error) => checks.push(failed("project", &error)),
    }
    checks.push(git_check(invocation));
    invocation.output.progress("asking the cluster");
    checks.extend(cluster_checks(invocation, &settings));
    invocation.output.rest();
    let failing = checks.iter().any(|check| check.state == State::Fail);
    let report = Report { checks };
    invocation
        .output
        .either(&report, |theme| text(&report, theme))?;
    Ok(if failing { Exit::Failed } else { Exit::Done })
}

fn text(report: &Report, theme: Theme) -> String {
    let line = |check: &Check| {
        let mark = match check.state {
            State::Ok => theme.good("ok  "),
            State::Warn => theme.warning("warn"),
            State::Fail => theme.bad("fail"),
        };
        let mut line = format!("{mark}  {:<8}  {}", check.name, printable(&check.message));
        if !check.hint.is_empty() {
            line.push_str(&format!(
                "\n                {}",
                theme.faint(&format!("hint: {}", printable(&check.hint)))
            ));
        }
        line
    };
    report
        .checks
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn check(
    name: &'static str,
    state: State,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Check {
    Check {
        name,
        state,
        message: message.into(),
        hint: hint.into(),
    }
}

fn ok(name: &'static str, message: impl Into<String>) -> Check {
    check(name, State::Ok, message, "")
}

fn failed(name: &'static str, error: &Error) -> Check {
    check(name, State::Fail, error.to_string(), error.hint())
}

fn config_check(invocation: &Invocation, settings: Result<&Settings, &Error>) -> Check {
    let file = Settings::file(&invocation.environment);
    match settings {
        Ok(_) if file.exists() => ok("config", file.display().to_string()),
        Ok(_) => ok(
            "config",
            format!("defaults ({} does not exist)", file.display()),
        ),
        Err(error) => failed("config", error),
    }
}

fn project_checks(workplace: &Workplace) -> Vec<Check> {
    let project = &workplace.project;
    let named = format!("{} in {}", project.name, project.root.display());
    vec![
        if project.has_mix {
            ok("project", named)
        } else {
            check(
                "project",
                State::Warn,
                format!("{named}, without mix.exs"),
                "change to a Mix project to compile and test",
            )
        },
        ok("state", project.state_dir.display().to_string()),
    ]
}

fn tool_checks(invocation: &Invocation, settings: &Settings, workplace: &Workplace) -> Vec<Check> {
    let place = Place {
        project_root: workplace.project.root.clone(),
        state_dir: workplace.state.tools_dir(),
        read_outside: settings.read_outside.clone(),
        allow_unsandboxed: settings.allow_unsandboxed,
        search_path: invocation.environment.search_path.clone(),
        mix_home: invocation.environment.mix_home.clone(),
    };
    let found = ToolHost::start(place)
        .and_then(|starting| block_on(async { Ok(starting.ready().await?.capabilities) }));
    match found {
        Ok(capabilities) => vec![elixir_check(&capabilities), sandbox_check(&capabilities)],
        Err(error) => vec![failed("tools", &error)],
    }
}

fn elixir_check(capabilities: &Capabilities) -> Check {
    if capabilities.elixir_available {
        ok("elixir", "elixir and mix were found")
    } else {
        check(
            "elixir",
            State::Warn,
            "mix was not found: changes are only parsed, not compiled or tested",
            "install Elixir 1.14 or later, or put it on the PATH",
        )
    }
}

fn sandbox_check(capabilities: &Capabilities) -> Check {
    let note = &capabilities.sandbox_note;
    let tier = &capabilities.sandbox_tier;
    let message = if note.is_empty() {
        tier.clone()
    } else {
        format!("{tier}: {note}")
    };
    match tier.as_str() {
        "bubblewrap" => ok("sandbox", message),
        "none" => check(
            "sandbox",
            State::Fail,
            message,
            "install bubblewrap; without a sandbox no command is run",
        ),
        _ => check(
            "sandbox",
            State::Warn,
            message,
            "install bubblewrap for the best isolation",
        ),
    }
}

fn git_check(invocation: &Invocation) -> Check {
    let path = invocation
        .environment
        .search_path
        .clone()
        .unwrap_or_default();
    let found: Option<PathBuf> = std::env::split_paths(&path)
        .map(|dir| dir.join("git"))
        .find(|candidate| candidate.is_file());
    match found {
        Some(git) => ok("git", git.display().to_string()),
        None => check(
            "git",
            State::Warn,
            "git was not found",
            "aiex works without it; undo does not need it",
        ),
    }
}

fn cluster_checks(invocation: &Invocation, settings: &Settings) -> Vec<Check> {
    let configured = match settings.endpoints() {
        Ok(configured) => configured,
        Err(error) => return vec![failed("endpoint", &error)],
    };
    if configured.is_none() {
        let local = LocalNode::new(&invocation.environment);
        if local.running().is_none() {
            return vec![local_check(&local)];
        }
    }
    match invocation.route(settings) {
        Ok(route) => reach(&route),
        Err(error) => vec![failed("endpoint", &error)],
    }
}

/// The private node is not started by a look at it.
fn local_check(local: &LocalNode) -> Check {
    match local.find_binary() {
        Ok(binary) => ok(
            "endpoint",
            format!(
                "none is configured; {} will be started when it is needed",
                binary.display()
            ),
        ),
        Err(error) => failed("endpoint", &error),
    }
}

fn reach(route: &Route) -> Vec<Check> {
    let asked = block_on(async {
        let client = route.connect().await?;
        let node = client.show_node(ShowNodeRequest {}).await;
        let identity = client.who_am_i(WhoAmIRequest {}).await;
        Ok((node, identity))
    });
    let (node, identity) = match asked {
        Ok(asked) => asked,
        Err(error) => return vec![failed("endpoint", &error)],
    };
    let endpoint = match node {
        Ok(node) => ok(
            "endpoint",
            format!(
                "{} answers: node {}, {}",
                route.endpoints, node.node_id, node.state
            ),
        ),
        Err(error) => failed("endpoint", &error.into()),
    };
    let token = match identity {
        Ok(identity) => ok(
            "token",
            format!("{} ({})", identity.user, identity.roles.join(", ")),
        ),
        Err(error) => failed("token", &error.into()),
    };
    vec![endpoint, token]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_a_line_and_a_hint_for_each_check() {
        let report = Report {
            checks: vec![
                ok("config", "defaults"),
                check("elixir", State::Warn, "mix was not found", "install Elixir"),
                failed("endpoint", &Error::usage("no\u{1b}[2J", "yes")),
            ],
        };
        insta::assert_snapshot!(text(&report, Theme::default()), @r"
        ok    config    defaults
        warn  elixir    mix was not found
                        hint: install Elixir
        fail  endpoint  no[2J
                        hint: yes
        ");
    }
}
