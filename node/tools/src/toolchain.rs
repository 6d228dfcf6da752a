//! Finds Elixir on a search path and says which directories a sandbox must lend for it to run.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Directories every sandbox has; a toolchain in one of them needs nothing more.
const SYSTEM: [&str; 5] = ["/usr", "/bin", "/lib", "/lib64", "/sbin"];
/// Where programs are looked for besides the caller's own path.
const SYSTEM_PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toolchain {
    mix: Option<PathBuf>,
    elixir: Option<PathBuf>,
    bubblewrap: Option<PathBuf>,
    /// `PATH` inside the sandbox.
    path: String,
    /// Directories outside the system ones that must be readable.
    directories: Vec<PathBuf>,
}

impl Toolchain {
    pub(crate) fn find(search_path: &str) -> Self {
        let searched: Vec<PathBuf> = std::env::split_paths(search_path)
            // a relative entry would let the project choose the program
            .filter(|directory| directory.is_absolute())
            .chain(SYSTEM_PATH.iter().map(PathBuf::from))
            .collect();
        let find = |name: &str| {
            searched
                .iter()
                .map(|directory| directory.join(name))
                .find(|path| is_program(path))
        };
        let found = Self {
            mix: find("mix"),
            elixir: find("elixir"),
            bubblewrap: find("bwrap"),
            ..Self::default()
        };
        let mut path: Vec<String> = Vec::new();
        let mut directories = Vec::new();
        for program in [found.mix.clone(), found.elixir.clone(), find("erl")]
            .into_iter()
            .flatten()
        {
            if let Some(directory) = program.parent().and_then(Path::to_str) {
                path.push(directory.to_owned());
            }
            let real = program.canonicalize().unwrap_or_else(|_| program.clone());
            directories.extend(
                [installation(&program), installation(&real)]
                    .into_iter()
                    .flatten(),
            );
        }
        path.extend(SYSTEM_PATH.iter().map(ToString::to_string));
        let mut seen = std::collections::HashSet::new();
        path.retain(|entry| seen.insert(entry.clone()));
        directories.sort();
        directories.dedup();
        Self {
            path: path.join(":"),
            directories,
            ..found
        }
    }

    pub(crate) fn mix(&self) -> Option<&Path> {
        self.mix.as_deref()
    }

    pub(crate) fn elixir(&self) -> Option<&Path> {
        self.elixir.as_deref()
    }

    pub(crate) fn bubblewrap(&self) -> Option<&Path> {
        self.bubblewrap.as_deref()
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Directories to lend, none of which holds the given ones: a home directory is never lent whole.
    pub(crate) fn directories_apart_from<'t>(
        &'t self,
        kept: &'t [&'t Path],
    ) -> impl Iterator<Item = &'t Path> {
        self.directories
            .iter()
            .map(PathBuf::as_path)
            .filter(move |directory| !kept.iter().any(|kept| kept.starts_with(directory)))
    }
}

/// The directory above `bin`, or above a version manager's shims.
fn installation(program: &Path) -> Option<PathBuf> {
    if SYSTEM.iter().any(|system| program.starts_with(system)) {
        return None;
    }
    if program.starts_with("/nix/store") {
        return Some(PathBuf::from("/nix/store"));
    }
    let directory = program.parent()?;
    let above = directory.parent()?;
    // "/opt" or "/home" as a whole is more than a toolchain
    Some(
        if above.components().count() > 2 {
            above
        } else {
            directory
        }
        .to_owned(),
    )
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_and_what_they_need() {
        let place = tempfile::tempdir().unwrap();
        let bin = place.path().join("elixir/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("mix"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(bin.join("mix"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = Toolchain::find(&format!("bin:{}", bin.display()));
        assert_eq!(found.mix(), Some(bin.join("mix").as_path()));
        assert!(found.path().starts_with(bin.to_str().unwrap()) && found.path().ends_with("/bin"));
        let lent: Vec<_> = found.directories_apart_from(&[]).collect();
        assert_eq!(lent, [place.path().join("elixir")]);
        let inside = place.path().join("elixir/project");
        assert_eq!(found.directories_apart_from(&[&inside]).count(), 0);
    }
}
