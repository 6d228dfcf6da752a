//! Tries to break out, once, before a tier is relied on.
//!
//! The probe must report from inside that it ran to its end and could do what commands need; a probe
//! that did not run proves nothing.

use std::{path::Path, time::Duration};

use super::{
    Sandbox, Tier,
    job::{Access, Job, Mount},
};

/// A probe takes some 20 ms; a machine under load gets more.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// Each line `reached …` is a breach. Only shell built-ins, so that a missing tool cannot look like a fence.
const SCRIPT: &str = r#"
echo begin
if read -r secret < "$CANARY" 2>/dev/null; then echo "reached a file outside"; fi
( : > "$CANARY.new" ) 2>/dev/null
( echo changed > "$CANARY" ) 2>/dev/null
if ( : > /usr/aiex-probe ) 2>/dev/null; then echo "reached writing to /usr"; fi
if ( : > "$PWD/.git/probe" ) 2>/dev/null; then echo "reached writing to .git"; fi
if kill -0 "$OUTER" 2>/dev/null; then echo "reached a process outside"; fi
if read -r own < "$PWD/.git/config" && [ "$own" = git ]; then echo "inside git"; fi
if echo work > "$PWD/lib/file" && read -r own < "$PWD/lib/file" && [ "$own" = work ]; then echo "inside write"; fi
if [ -r /proc/self/status ]; then while read -r line; do echo "status $line"; done < /proc/self/status; fi
if [ -r /proc/net/dev ]; then while read -r line; do echo "net $line"; done < /proc/net/dev; fi
echo end
"#;

/// Probes the sandbox's present tier.
pub(super) fn run(sandbox: &Sandbox, state: &Path) -> Result<(), String> {
    if sandbox.tier() == Tier::Bubblewrap && sandbox.bubblewrap.is_none() {
        return Err("bwrap is not installed".into());
    }
    let place = tempfile::Builder::new()
        .prefix("probe")
        .tempdir_in(state)
        .map_err(|error| error.to_string())?;
    let project = place.path().join("project");
    let canary = place.path().join("canary");
    let prepared = std::fs::create_dir_all(project.join(".git"))
        .and_then(|()| std::fs::create_dir(project.join("lib")))
        .and_then(|()| std::fs::write(project.join(".git/config"), "git\n"))
        .and_then(|()| std::fs::write(&canary, "secret\n"));
    prepared.map_err(|error| format!("preparing the probe: {error}"))?;
    let mut mounts = vec![Mount::same(&project, Access::WriteUnprotected)];
    if sandbox.can_move_mounts() {
        mounts.push(Mount::same(project.join(".git"), Access::Read));
    }
    let job = Job {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), SCRIPT.into()],
        directory: project,
        env: vec![
            ("CANARY".into(), canary.display().to_string()),
            ("OUTER".into(), std::process::id().to_string()),
        ],
        stdin: None,
        mounts,
        time_limit: PROBE_LIMIT,
    };
    let finished = sandbox.run(&job).map_err(|error| error.to_string())?;
    // seen from here, for inside a private file system such writes may succeed and reach nothing
    let touched = place.path().join("canary.new").exists()
        || std::fs::read_to_string(&canary).ok().as_deref() != Some("secret\n");
    if touched {
        return Err("the probe reached writing outside".into());
    }
    judge(sandbox.tier(), &finished.stdout).map_err(|reason| {
        format!(
            "{reason} ({}) {}",
            finished.end(),
            finished.stderr.lines().next().unwrap_or("")
        )
    })
}

fn judge(tier: Tier, report: &str) -> Result<(), String> {
    let has = |wanted: &str| report.lines().any(|line| line == wanted);
    if let Some(breach) = report.lines().find(|line| line.starts_with("reached")) {
        return Err(format!("the probe {breach}"));
    }
    for needed in ["begin", "inside git", "inside write", "end"] {
        if !has(needed) {
            return Err(format!("the probe did not report `{needed}`"));
        }
    }
    if tier == Tier::Landlock {
        return Ok(());
    }
    for (field, expected) in [
        ("Seccomp:", "2"),
        ("NoNewPrivs:", "1"),
        ("CapEff:", "0000000000000000"),
    ] {
        let value = report
            .lines()
            .find_map(|line| line.strip_prefix("status ")?.strip_prefix(field));
        if value.map(str::trim) != Some(expected) {
            return Err(format!("{field} is {}", value.map_or("absent", str::trim)));
        }
    }
    let devices: Vec<&str> = report
        .lines()
        .filter_map(|line| {
            line.strip_prefix("net ")?
                .split_once(':')
                .map(|(name, _)| name.trim())
        })
        .collect();
    if devices != ["lo"] {
        return Err(format!("network devices are {devices:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "begin\ninside git\ninside write\nstatus Seccomp:\t2\nstatus NoNewPrivs:\t1\nstatus CapEff:\t0000000000000000\nnet lo: 0 0\nend\n";

    #[test]
    fn judges_by_what_was_seen() {
        assert_eq!(judge(Tier::Bubblewrap, GOOD), Ok(()));
        for (from, to) in [
            ("begin\n", "begin\nreached a file outside\n"),
            ("end\n", ""),
            ("Seccomp:\t2", "Seccomp:\t0"),
            ("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff"),
            ("net lo: 0 0\n", "net lo: 0 0\nnet eth0: 1 2\n"),
            ("net lo: 0 0\n", ""),
            ("inside write\n", ""),
        ] {
            assert!(
                judge(Tier::Bubblewrap, &GOOD.replace(from, to)).is_err(),
                "{from:?} → {to:?}"
            );
        }
        assert!(judge(Tier::Landlock, "").is_err());
    }
}
