//! Carries a planned write out once: intent, effect, mark, answer; and finishes what a crash cut short.
//!
//! All files of a call change or none: a failure puts the earlier ones back, and a crash is rolled
//! forward from the texts kept with the intent, by hash, never by guess.

use super::{
    Executor,
    answer::Answer,
    changes::{Plan, PlannedFile},
};
use crate::{
    FileChange, ToolCall, ToolOutcome, ToolStatus,
    contents::Keep,
    digest::{content_hash, parts_hash},
    edit::unified_diff,
    error::{Error, Result},
    ledger::{CallKey, IntendedFile, Intent},
    lock::Lock,
    trail::Trail,
};

impl Executor {
    /// Plans and carries out a write.
    pub(super) fn write(&self, call: &ToolCall, key: &CallKey) -> Result<ToolOutcome> {
        let mut trail = Trail::default();
        let intent = {
            let lock = Lock::wait(&self.tree_lock())?;
            self.recover(&lock)?;
            let plan = match self
                .plan(call, &mut trail)
                .and_then(|plan| self.formatted(plan, &mut trail))
            {
                Ok(plan) => plan,
                Err(error) => return Ok(Answer::error(&error, trail)),
            };
            let intent = self.keep_texts(&plan)?;
            self.ledger.intend(key, &intent)?;
            let Intent::Write { files, .. } = &intent else {
                return Err(no_write());
            };
            if let Err(error) = self.apply_all(key, files) {
                trail.refused("write", files.first().map_or("", |file| &file.path), &error);
                return Ok(Answer::error(&error, trail));
            }
            self.ledger.applied(key, &intent)?;
            intent
        };
        Ok(self.conclude_write_with(call, &intent, false, trail))
    }

    /// Completes every write whose executor died between intent and effect.
    pub(super) fn recover(&self, lock: &Lock) -> Result<()> {
        for (key, intent) in self.ledger.unfinished_writes()? {
            self.complete_write(&key, &intent, lock)?;
        }
        Ok(())
    }

    /// Rolls one interrupted write forward; needs the tree lock, which proves its executor dead.
    pub(super) fn complete_write(
        &self,
        key: &CallKey,
        intent: &Intent,
        _tree: &Lock,
    ) -> Result<()> {
        let Intent::Write { files, .. } = intent else {
            return Ok(());
        };
        match self.apply_all(key, files) {
            Ok(()) => self.ledger.applied(key, intent),
            Err(error) => {
                tracing::warn!(%error, "an interrupted write could not be completed");
                let mut trail = Trail::default();
                for file in files {
                    trail.refused("write", &file.path, &error);
                }
                self.ledger.answer(key, &Answer::error(&error, trail))
            }
        }
    }

    /// Verifies what was written and makes the answer.
    pub(super) fn conclude_write(
        &self,
        call: &ToolCall,
        intent: &Intent,
        recovered: bool,
    ) -> ToolOutcome {
        self.conclude_write_with(call, intent, recovered, Trail::default())
    }

    fn conclude_write_with(
        &self,
        call: &ToolCall,
        intent: &Intent,
        recovered: bool,
        mut trail: Trail,
    ) -> ToolOutcome {
        let Intent::Write { files, summary } = intent else {
            return Answer::error(&no_write(), trail);
        };
        let mut output = summary.clone();
        if recovered {
            output.push_str("(completed after an interruption; applied once)\n");
        }
        let mut changes = Vec::new();
        for file in files {
            let text =
                |hash: &Option<String>| hash.as_deref().and_then(|hash| self.contents.get(hash));
            let (before, after) = (text(&file.before), text(&file.after));
            record(&mut trail, file, after.as_deref());
            if (before.is_some(), after.is_some()) != (file.before.is_some(), file.after.is_some())
            {
                // dropped from the store since the crash; half a change must not look like a deletion
                output.push_str(&format!("{}: the texts are no longer kept\n", file.path));
                continue;
            }
            if let Some(after) = &after {
                self.contents.saw(&file.path, after);
            }
            output.push_str(&describe(file, before.as_deref(), after.as_deref()));
            changes.push(FileChange {
                path: file.path.clone(),
                before,
                after,
            });
        }
        let verdict = verify_wanted(call).then(|| self.climb(&changes, &mut trail));
        if let Some(verdict) = &verdict {
            output.push_str(&crate::ladder::describe(verdict));
        }
        Answer::with(ToolStatus::Ok, output, trail, changes, verdict)
    }

    /// Puts every text a crash might need in safety.
    fn keep_texts(&self, plan: &Plan) -> Result<Intent> {
        let keep = |text: &Option<String>| {
            text.as_deref()
                .map(|text| self.contents.put(text, Keep::Durably))
                .transpose()
        };
        let files = plan
            .files
            .iter()
            .map(|file| {
                Ok(IntendedFile {
                    path: file.path.clone(),
                    before: keep(&file.before)?,
                    after: keep(&file.after)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Intent::Write {
            files,
            summary: plan.files.iter().map(summarise).collect(),
        })
    }

    /// Brings every file from its old to its new text; on an error puts back those already changed.
    fn apply_all(&self, key: &CallKey, files: &[IntendedFile]) -> Result<()> {
        for (done, file) in files.iter().enumerate() {
            if let Err(error) = self.apply_one(
                key,
                &file.path,
                file.before.as_deref(),
                file.after.as_deref(),
            ) {
                for file in files[..done].iter().rev() {
                    if let Err(undo) = self.apply_one(
                        key,
                        &file.path,
                        file.after.as_deref(),
                        file.before.as_deref(),
                    ) {
                        tracing::error!(path = file.path, error = %undo, "a file could not be put back");
                    }
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Does nothing when the file already is what it should become.
    fn apply_one(
        &self,
        key: &CallKey,
        path: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        let place = self.workspace.place(path)?;
        let present = place.root.read_text_if_any(&place.path)?;
        let hash = present.as_ref().map(|file| file.hash.as_str());
        if hash == to {
            return Ok(());
        }
        if hash != from {
            return Err(Error::RecoveryConflict {
                path: path.to_owned(),
            });
        }
        let Some(to) = to else {
            return place.root.remove_file(&place.path);
        };
        let text = self
            .contents
            .get(to)
            .ok_or_else(|| Error::RecoveryConflict {
                path: path.to_owned(),
            })?;
        let temporary = format!(".aiex-{}.tmp", &parts_hash(&[key.id(), path])[..32]);
        place.root.write_text(
            &place.path,
            &text,
            present.map(|file| file.owner),
            &temporary,
        )
    }
}

fn record(trail: &mut Trail, file: &IntendedFile, after: Option<&str>) {
    let operation = match (&file.before, &file.after) {
        (None, _) => "create",
        (Some(_), None) => "delete",
        (Some(_), Some(_)) => "write",
    };
    trail.allowed(
        operation,
        &file.path,
        after.map_or(0, |text| text.len() as u64),
    );
}

fn summarise(file: &PlannedFile) -> String {
    let verb = match (&file.before, &file.after) {
        (None, _) => "created",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
    };
    let loose: Vec<String> = file
        .grades
        .iter()
        .enumerate()
        .filter(|(_, grade)| **grade > crate::edit::Grade::Exact)
        .map(|(index, grade)| format!("edit {} matched: {grade}", index + 1))
        .collect();
    let remark = if loose.is_empty() {
        String::new()
    } else {
        format!(" ({})", loose.join("; "))
    };
    format!("{verb} {}{remark}\n", file.path)
}

fn describe(file: &IntendedFile, before: Option<&str>, after: Option<&str>) -> String {
    let hash = after.map_or_else(String::new, |text| {
        format!("hash {} {}\n", content_hash(text), file.path)
    });
    format!("{hash}{}", unified_diff(&file.path, before, after))
}

/// Verification is on unless the call says no.
fn verify_wanted(call: &ToolCall) -> bool {
    #[derive(serde::Deserialize)]
    struct Flag {
        verify: Option<bool>,
    }
    serde_json::from_str::<Flag>(&call.arguments)
        .ok()
        .and_then(|flag| flag.verify)
        .unwrap_or(true)
}

fn no_write() -> Error {
    Error::io(
        "a write has the record of a command",
        std::io::Error::other("ledger kinds are mixed up"),
    )
}
