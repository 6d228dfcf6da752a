//! Makes jobs: what a command sees of the project, the toolchain and the state, and its environment.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::super::{Executor, create_private};
use crate::{
    error::Result,
    path::WorkspacePath,
    sandbox::{Access, Job, Mount},
    walk::{Scope, walk},
};

/// Not searched for protected entries: build output that commands own.
const UNSEARCHED: &[&str] = &["_build", "node_modules", ".git"];

/// What to start, apart from where.
pub(super) struct Start<'s> {
    pub(super) program: &'s Path,
    pub(super) words: &'s [String],
    /// The Mix environment, which also names the build directory.
    pub(super) environment: &'s str,
    pub(super) limit: Duration,
}

impl Executor {
    /// A job in the project itself, with the protected entries of every depth read-only.
    pub(super) fn project_job(&self, directory: &WorkspacePath, start: &Start<'_>) -> Result<Job> {
        let root = self.workspace.project();
        let mut mounts = vec![Mount::same(root.location(), Access::WriteUnprotected)];
        if self.sandbox().can_move_mounts() {
            let found = walk(root, &WorkspacePath::root(), Scope::AllBut(UNSEARCHED))?;
            mounts.extend(
                found
                    .protected
                    .iter()
                    .map(|path| Mount::same(root.location().join(path.as_str()), Access::Read)),
            );
        }
        self.job(root.location().join(directory.as_str()), start, mounts)
    }

    /// A job with the given mounts besides the toolchain, the build directory and the Mix home.
    pub(super) fn job(
        &self,
        directory: PathBuf,
        start: &Start<'_>,
        project: Vec<Mount>,
    ) -> Result<Job> {
        let environment = start.environment;
        let build = self.build_directory(environment);
        create_private(&build)?;
        let kept = [
            self.config.state_dir.as_path(),
            self.config.project_root.as_path(),
        ];
        let mut mounts: Vec<Mount> = self
            .toolchain()
            .directories_apart_from(&kept)
            .map(|directory| Mount::same(directory, Access::Read))
            .collect();
        mounts.extend(project);
        mounts.push(Mount::same(&build, Access::Write));
        let home = self.sandbox().home();
        let mix_home = match self.config.mix_home.as_deref().filter(|path| path.is_dir()) {
            Some(path) => {
                mounts.push(Mount::same(path, Access::Read));
                path.to_owned()
            }
            None => home.join(".mix"),
        };
        let env = [
            ("PATH", self.toolchain().path().to_owned()),
            ("HOME", shown(home)),
            ("TMPDIR", shown(self.sandbox().temporary())),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "dumb".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("MIX_ENV", environment.to_owned()),
            ("MIX_BUILD_PATH", shown(&build)),
            ("MIX_HOME", shown(&mix_home)),
            ("HEX_HOME", shown(&home.join(".hex"))),
            ("HEX_OFFLINE", "1".to_owned()),
        ];
        Ok(Job {
            program: start.program.to_owned(),
            arguments: start.words.to_vec(),
            directory,
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            stdin: None,
            mounts,
            time_limit: start.limit,
        })
    }

    /// Build output of our own, so that a developer's `_build` is neither locked nor spoilt.
    pub(super) fn build_directory(&self, environment: &str) -> PathBuf {
        self.config
            .state_dir
            .join("sandbox")
            .join("build")
            .join(environment)
    }

    /// Held while Mix works in a build directory: its own lock does not reach across sandboxes.
    pub(super) fn build_lock(&self, environment: &str) -> PathBuf {
        self.config
            .state_dir
            .join(format!("build-{environment}.lock"))
    }

    /// The nearest directory at or above `path` that holds a `mix.exs`.
    pub(super) fn mix_project(&self, path: &WorkspacePath) -> Option<WorkspacePath> {
        let mut place = path.clone();
        loop {
            if self
                .workspace
                .project()
                .kind(&place.child("mix.exs"))
                .is_ok()
            {
                return Some(place);
            }
            place = place.split_last()?.0;
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
