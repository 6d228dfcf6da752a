//! Climbs the ladder for a change: parse, format, compile, affected tests; a step not taken says why.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::{Executor, changes::Plan},
    jobs::Start,
};
use crate::{
    FileChange, ToolCall, ToolStatus, Verdict, VerdictStep,
    arguments::{self, FILES_MAX, Verify},
    clock::Stopwatch,
    digest::parts_hash,
    error::{Error, Result},
    ladder::{
        self, AFFECTED_TESTS_MAX, is_compiled, is_elixir, mentions, mirrored_test, module_names,
        skip_rest, step,
    },
    lock::Lock,
    path::WorkspacePath,
    sandbox::{Finished, Tier},
    trail::Trail,
    walk::{Scope, walk},
};

/// Time limits of the steps.
const FORMAT_LIMIT: Duration = Duration::from_secs(60);
const COMPILE_LIMIT: Duration = Duration::from_secs(300);
const TESTS_LIMIT: Duration = Duration::from_secs(180);
/// Files of one change that are formatted; each costs a start of the VM.
const FORMATTED_FILES_MAX: usize = 8;
/// What Mix says when dependencies, not the change, are the trouble.
const NOT_THE_CHANGE: [&str; 4] = [
    "Could not find Hex",
    "Unchecked dependencies",
    "run \"mix deps.get\"",
    "Could not find an SCM",
];

impl Executor {
    /// The `verify` tool: the ladder for files as they are.
    pub(super) fn verify_paths(
        &self,
        call: &ToolCall,
        trail: &mut Trail,
    ) -> Result<(ToolStatus, String, Option<Verdict>)> {
        let wanted: Verify = arguments::parse(call)?;
        if wanted.paths.is_empty() || wanted.paths.len() > FILES_MAX {
            return Err(Error::Arguments {
                tool: "verify".into(),
                reason: format!("give 1 to {FILES_MAX} `paths`"),
            });
        }
        let mut files = Vec::new();
        for text in &wanted.paths {
            let read = self
                .workspace
                .place(text)
                .and_then(|place| Ok((place.root.read_text(&place.path)?.content, place.shown)));
            let (content, path) = read.inspect_err(|error| trail.refused("read", text, error))?;
            trail.allowed("read", &path, content.len() as u64);
            files.push(FileChange {
                path,
                before: Some(content.clone()),
                after: Some(content),
            });
        }
        let verdict = self.climb(&files, trail);
        let failed = verdict.steps.iter().any(|step| step.status == "failed");
        let status = if failed {
            ToolStatus::Failed
        } else {
            ToolStatus::Ok
        };
        Ok((status, ladder::describe(&verdict), Some(verdict)))
    }

    /// Takes the steps in order; after a failed parse or compile the later ones make no sense.
    pub(in crate::executor) fn climb(&self, changes: &[FileChange], trail: &mut Trail) -> Verdict {
        let mut steps: Vec<VerdictStep> = Vec::new();
        if !changes.iter().any(|change| is_compiled(&change.path)) {
            skip_rest(&mut steps, "no Elixir source was changed");
            return Verdict { steps };
        }
        steps.push(ladder::parse(changes, self.config.syntax.as_deref()));
        if steps[0].status == "failed" {
            skip_rest(&mut steps, "the source does not parse");
        } else if self.toolchain().mix().is_none() {
            skip_rest(
                &mut steps,
                "Elixir was not found; install it to have changes formatted, compiled and tested",
            );
        } else if self.sandbox().tier() == Tier::None {
            skip_rest(
                &mut steps,
                &format!("no sandbox to run Mix in: {}", self.sandbox().note()),
            );
        } else {
            steps.push(self.format_step(changes, trail));
            self.climb_mix(changes, &mut steps, trail);
        }
        Verdict { steps }
    }

    /// Compile and tests, which need a Mix project.
    fn climb_mix(&self, changes: &[FileChange], steps: &mut Vec<VerdictStep>, trail: &mut Trail) {
        let project = changes
            .iter()
            .find_map(|change| self.mix_project(&WorkspacePath::parse(&change.path).ok()?));
        let Some(project) = project else {
            return skip_rest(steps, "there is no mix.exs");
        };
        let _build = match Lock::wait(&self.build_lock("test")) {
            Ok(lock) => lock,
            Err(error) => return skip_rest(steps, &error.to_string()),
        };
        steps.push(self.compile_step(&project, trail));
        if steps.last().is_none_or(|step| step.status != "passed") {
            return skip_rest(steps, "the project was not compiled");
        }
        steps.push(self.tests_step(&project, changes, trail));
    }

    /// Formats the new texts of a plan, where the project's files are formatted at all.
    pub(in crate::executor) fn formatted(&self, mut plan: Plan, trail: &mut Trail) -> Result<Plan> {
        if !plan.verify || self.toolchain().mix().is_none() || self.sandbox().tier() == Tier::None {
            return Ok(plan);
        }
        for file in plan
            .files
            .iter_mut()
            .filter(|file| is_elixir(&file.path))
            .take(FORMATTED_FILES_MAX)
        {
            let Some(after) = &file.after else { continue };
            let problems = self
                .config
                .syntax
                .as_deref()
                .map_or(0, |check| check.check(&file.path, after).len());
            // the formatter knows one line ending only
            if problems > 0 || after.contains('\r') {
                continue;
            }
            // a text that does not format is written as it is; the ladder then says why
            let Ok(formatted) = self.format_text(&file.path, after, trail)? else {
                continue;
            };
            let was_formatted = match &file.before {
                _ if formatted == *after => continue,
                None => true,
                Some(before) => self
                    .format_text(&file.path, before, trail)?
                    .is_ok_and(|text| text == *before),
            };
            if was_formatted {
                file.after = Some(formatted);
            }
        }
        Ok(plan)
    }

    fn format_step(&self, changes: &[FileChange], trail: &mut Trail) -> VerdictStep {
        let stopwatch = Stopwatch::start();
        let (mut wrong, mut remarks) = (Vec::new(), Vec::new());
        let files: Vec<_> = changes
            .iter()
            .filter(|change| is_elixir(&change.path))
            .filter_map(|change| Some((change, change.after.as_ref()?)))
            .collect();
        for (change, after) in files.iter().take(FORMATTED_FILES_MAX) {
            if after.contains('\r') {
                remarks.push(format!(
                    "{} has carriage returns and is left as it is",
                    change.path
                ));
                continue;
            }
            match self.format_text(&change.path, after, trail) {
                Ok(Ok(text)) if text == **after => {}
                Ok(Ok(_)) => {
                    let before = change.before.as_ref().filter(|before| before != after);
                    let was = before.and_then(|before| {
                        self.format_text(&change.path, before, trail)
                            .ok()?
                            .ok()
                            .map(|text| text == *before)
                    });
                    match was {
                        Some(false) => remarks.push(format!(
                            "{} was not formatted before and is left as it is",
                            change.path
                        )),
                        _ => wrong.push(format!("{} is not formatted", change.path)),
                    }
                }
                Ok(Err(message)) => wrong.push(message),
                Err(error) => {
                    return step(
                        "format",
                        "skipped",
                        error.to_string(),
                        stopwatch.elapsed_ms(),
                    );
                }
            }
        }
        if files.len() > FORMATTED_FILES_MAX {
            remarks.push(format!(
                "{} more files were not looked at",
                files.len() - FORMATTED_FILES_MAX
            ));
        }
        let status = match (wrong.is_empty(), remarks.is_empty()) {
            (false, _) => "failed",
            (true, false) => "skipped",
            (true, true) => "passed",
        };
        wrong.extend(remarks);
        step("format", status, wrong.join("\n"), stopwatch.elapsed_ms())
    }

    /// Formats one text with the project's own rules; the inner error is the formatter's complaint.
    fn format_text(
        &self,
        path: &str,
        text: &str,
        trail: &mut Trail,
    ) -> Result<std::result::Result<String, String>> {
        let known = parts_hash(&[path, text]);
        if self.formatted_texts().contains(&known) {
            return Ok(Ok(text.to_owned()));
        }
        let place = WorkspacePath::parse(path)?;
        let project = self.mix_project(&place).unwrap_or_else(WorkspacePath::root);
        let inside = path
            .strip_prefix(project.as_str())
            .unwrap_or(path)
            .trim_start_matches('/')
            .to_owned();
        let words = [
            "format".to_owned(),
            "--stdin-filename".to_owned(),
            inside,
            "-".to_owned(),
        ];
        let task = MixTask {
            words: &words,
            environment: "dev",
            limit: FORMAT_LIMIT,
            stdin: Some(text),
        };
        let finished = self.run_mix(&project, &task, trail)?;
        if !finished.succeeded() {
            return Ok(Err(format!("{path}: {}", finished.combined().trim())));
        }
        let Some(formatted) = finished.exact_stdout else {
            return Ok(Err(format!("{path}: it is too large to be formatted")));
        };
        self.formatted_texts()
            .insert(parts_hash(&[path, &formatted]));
        Ok(Ok(formatted))
    }

    fn compile_step(&self, project: &WorkspacePath, trail: &mut Trail) -> VerdictStep {
        let words = ["compile".to_owned()];
        let task = MixTask {
            words: &words,
            environment: "test",
            limit: COMPILE_LIMIT,
            stdin: None,
        };
        let finished = match self.run_mix(project, &task, trail) {
            Ok(finished) => finished,
            Err(error) => return step("compile", "skipped", error.to_string(), 0),
        };
        let output = finished.combined();
        let warnings = output
            .lines()
            .filter(|line| line.trim_start().starts_with("warning:"))
            .count();
        let (status, detail) = if finished.succeeded() {
            (
                "passed",
                if warnings == 0 {
                    String::new()
                } else {
                    format!("{warnings} warnings\n{output}")
                },
            )
        } else if let Some(reason) = NOT_THE_CHANGE
            .iter()
            .find(|reason| output.contains(**reason))
        {
            (
                "skipped",
                format!("the dependencies are not in place ({reason})\n{output}"),
            )
        } else {
            ("failed", format!("{}\n{output}", finished.end()))
        };
        step("compile", status, detail, finished.duration_ms)
    }

    fn tests_step(
        &self,
        project: &WorkspacePath,
        changes: &[FileChange],
        trail: &mut Trail,
    ) -> VerdictStep {
        let affected = match self.affected_tests(project, changes) {
            Ok(affected) if affected.is_empty() => {
                return step("tests", "skipped", "no test file covers the change", 0);
            }
            Ok(affected) => affected,
            Err(error) => return step("tests", "skipped", error.to_string(), 0),
        };
        let more = affected.len().saturating_sub(AFFECTED_TESTS_MAX);
        let mut words = vec!["test".to_owned()];
        words.extend(affected.iter().take(AFFECTED_TESTS_MAX).cloned());
        let task = MixTask {
            words: &words,
            environment: "test",
            limit: TESTS_LIMIT,
            stdin: None,
        };
        let finished = match self.run_mix(project, &task, trail) {
            Ok(finished) => finished,
            Err(error) => return step("tests", "skipped", error.to_string(), 0),
        };
        let output = finished.combined();
        let ran = format!(
            "{} files{}",
            words.len() - 1,
            if more > 0 {
                format!(", {more} more not run")
            } else {
                String::new()
            }
        );
        if finished.succeeded() {
            let summary = output
                .lines()
                .rev()
                .find(|line| line.contains(" failure"))
                .unwrap_or("")
                .trim();
            return step(
                "tests",
                "passed",
                format!("{summary} in {ran}"),
                finished.duration_ms,
            );
        }
        step(
            "tests",
            "failed",
            format!("{} ({ran})\n{output}", finished.end()),
            finished.duration_ms,
        )
    }

    /// Changed test files, mirrored test files, and test files that name a changed module; relative to the project.
    fn affected_tests(
        &self,
        project: &WorkspacePath,
        changes: &[FileChange],
    ) -> Result<Vec<String>> {
        let root = self.workspace.project();
        let beneath = |path: &str| -> Option<String> {
            let rest = if project.as_str().is_empty() {
                path
            } else {
                path.strip_prefix(project.as_str())?.strip_prefix('/')?
            };
            Some(rest.to_owned())
        };
        let (mut first, mut modules) = (BTreeSet::new(), BTreeSet::new());
        for change in changes {
            let Some(path) = beneath(&change.path) else {
                continue;
            };
            if path.ends_with("_test.exs") && change.after.is_some() {
                first.insert(path.clone());
            }
            first.extend(
                mirrored_test(&path).filter(|test| root.kind(&project.child(test)).is_ok()),
            );
            for text in [&change.before, &change.after].into_iter().flatten() {
                modules.extend(module_names(text));
            }
        }
        let mut affected: Vec<String> = first.iter().cloned().collect();
        let tests = project.child("test");
        if modules.is_empty() || root.kind(&tests).is_err() {
            return Ok(affected);
        }
        for path in walk(root, &tests, Scope::Sources)?.files {
            let Some(inside) = beneath(path.as_str()).filter(|path| path.ends_with("_test.exs"))
            else {
                continue;
            };
            let Ok(file) = root.read_text(&path) else {
                continue;
            };
            if !first.contains(&inside)
                && modules.iter().any(|module| mentions(&file.content, module))
            {
                affected.push(inside);
            }
        }
        Ok(affected)
    }

    fn run_mix(
        &self,
        project: &WorkspacePath,
        task: &MixTask<'_>,
        trail: &mut Trail,
    ) -> Result<Finished> {
        let line = format!("mix {}", task.words.join(" "));
        let mix = self
            .toolchain()
            .mix()
            .ok_or_else(|| Error::ProgramMissing {
                program: "mix".into(),
            })?;
        let start = Start {
            program: mix,
            words: task.words,
            environment: task.environment,
            limit: self.config.policy.command_limit(None, task.limit),
        };
        let run = self.project_job(project, &start).and_then(|mut job| {
            job.stdin = task.stdin.map(ToOwned::to_owned);
            self.sandbox().run(&job)
        });
        let finished = run.inspect_err(|error| trail.refused("execute", &line, error))?;
        let bytes = finished.stdout.len() as u64;
        trail.allowed_with("execute", &line, self.tier_note(), bytes);
        Ok(finished)
    }
}

/// One start of Mix by the ladder.
struct MixTask<'t> {
    words: &'t [String],
    environment: &'t str,
    limit: Duration,
    stdin: Option<&'t str>,
}
