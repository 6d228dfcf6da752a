//! Walks a directory by descriptors, honouring `.gitignore`; what `list_files` and `search_text` see.
//!
//! Symbolic links are reported, never followed. Build output and dependencies are entered only when
//! the walk starts inside them.

use std::ffi::CStr;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{Dir, FileType};

use crate::{
    error::{Error, Result},
    path::WorkspacePath,
    root::{Root, translate},
};

/// Most entries one walk looks at.
pub(crate) const WALK_ENTRIES_MAX: usize = 200_000;
/// Deepest directory nesting a walk enters.
const WALK_DEPTH_MAX: usize = 64;
/// Directories a walk does not enter by itself.
const SKIPPED: [&str; 7] = [
    ".git",
    "_build",
    "deps",
    "node_modules",
    ".elixir_ls",
    ".lexical",
    ".expert",
];

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Regular files in byte order of their paths.
    pub(crate) files: Vec<WorkspacePath>,
    /// Entries that tools never write (`.git`, `.aiex…`), at any depth; what they hold is not in `files`.
    pub(crate) protected: Vec<WorkspacePath>,
    /// The limit was met and files are missing.
    pub(crate) truncated: bool,
}

/// Which directories a walk leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Source only: no ignored files, no build output, no dependencies.
    Sources,
    /// Everything but the named directories.
    AllBut(&'static [&'static str]),
}

/// Lists the regular files beneath `start`.
pub(crate) fn walk(root: &Root, start: &WorkspacePath, scope: Scope) -> Result<Walk> {
    let mut found = Walk::default();
    let mut walker = Walker {
        root,
        scope,
        seen: 0,
        ignores: Vec::new(),
        found: &mut found,
    };
    if scope == Scope::Sources {
        walker.load_parent_ignores(start);
    }
    walker.enter(start, 0)?;
    found.files.sort();
    Ok(found)
}

struct Walker<'a> {
    root: &'a Root,
    scope: Scope,
    seen: usize,
    ignores: Vec<Gitignore>,
    found: &'a mut Walk,
}

impl Walker<'_> {
    fn enter(&mut self, directory: &WorkspacePath, depth: usize) -> Result<()> {
        if depth > WALK_DEPTH_MAX {
            self.found.truncated = true;
            return Ok(());
        }
        let handle = match self.root.open_directory(directory) {
            // a directory below the start may be closed to us or vanish; the rest is still worth listing
            Err(Error::Unreadable { .. } | Error::Missing { .. } | Error::Escape { .. })
                if depth > 0 =>
            {
                return Ok(());
            }
            other => other?,
        };
        let loaded = self.scope == Scope::Sources && self.load_ignore(directory);
        let mut directories = Vec::new();
        for entry in Dir::new(handle).map_err(|errno| translate(errno, directory.for_kernel()))? {
            let entry = entry.map_err(|errno| translate(errno, directory.for_kernel()))?;
            self.seen += 1;
            if self.seen > WALK_ENTRIES_MAX {
                self.found.truncated = true;
                break;
            }
            let Some(name) = name_of(entry.file_name()) else {
                continue;
            };
            let path = directory.child(name);
            let kind = match entry.file_type() {
                FileType::Unknown => self.root.kind(&path).unwrap_or(FileType::Unknown),
                kind => kind,
            };
            if kind != FileType::Symlink && WorkspacePath::root().child(name).is_protected() {
                self.found.protected.push(path.clone());
            }
            match kind {
                FileType::Directory if self.enters(name, &path) => directories.push(path),
                FileType::RegularFile if self.lists(name, &path) => self.found.files.push(path),
                _ => {}
            }
        }
        directories.sort();
        for path in directories {
            self.enter(&path, depth + 1)?;
        }
        if loaded {
            self.ignores.pop();
        }
        Ok(())
    }

    fn enters(&self, name: &str, path: &WorkspacePath) -> bool {
        match self.scope {
            Scope::Sources => !SKIPPED.contains(&name) && !self.is_ignored(path, true),
            Scope::AllBut(names) => !names.contains(&name),
        }
    }

    fn lists(&self, name: &str, path: &WorkspacePath) -> bool {
        match self.scope {
            // our own temporaries after a crash are nobody's source
            Scope::Sources => {
                let leftover = name.starts_with(".aiex-") && name.ends_with(".tmp");
                !(leftover || self.is_ignored(path, false))
            }
            Scope::AllBut(names) => !names.contains(&name),
        }
    }

    fn is_ignored(&self, path: &WorkspacePath, is_directory: bool) -> bool {
        for ignore in self.ignores.iter().rev() {
            let matched = ignore.matched(path.as_str(), is_directory);
            if !matched.is_none() {
                return matched.is_ignore();
            }
        }
        false
    }

    fn load_parent_ignores(&mut self, start: &WorkspacePath) {
        let mut parents = Vec::new();
        let mut place = start.clone();
        while let Some((parent, _)) = place.split_last() {
            parents.push(parent.clone());
            place = parent;
        }
        for parent in parents.iter().rev() {
            self.load_ignore(parent);
        }
    }

    fn load_ignore(&mut self, directory: &WorkspacePath) -> bool {
        // unreadable or odd ignore files hide nothing
        let Ok(file) = self.root.read_text(&directory.child(".gitignore")) else {
            return false;
        };
        let mut builder = GitignoreBuilder::new(directory.as_str());
        for line in file.content.lines() {
            builder.add_line(None, line).ok();
        }
        match builder.build() {
            Ok(ignore) => {
                self.ignores.push(ignore);
                true
            }
            Err(_) => false,
        }
    }
}

/// Names that are not UTF-8 cannot be asked for by a tool and are left out.
fn name_of(name: &CStr) -> Option<&str> {
    name.to_str()
        .ok()
        .filter(|name| !matches!(*name, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(root: &Root, start: &str) -> Vec<String> {
        let start = WorkspacePath::parse(start).unwrap();
        walk(root, &start, Scope::Sources)
            .unwrap()
            .files
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn honours_ignore_files_and_skips_build_output() {
        let place = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(".gitignore", "*.log\n/priv/static/\n!keep.log\n");
        put("lib/a.ex", "");
        put("lib/.gitignore", "gen_*\n");
        put("lib/gen_b.ex", "");
        put("lib/x.log", "");
        put("keep.log", "");
        put("priv/static/app.js", "");
        put("_build/dev/a.beam", "");
        put("deps/dep/lib/d.ex", "");
        put(".git/config", "");
        std::os::unix::fs::symlink("/etc", place.path().join("etc")).unwrap();
        let root = Root::open(place.path(), true).unwrap();
        assert_eq!(
            listed(&root, "."),
            [".gitignore", "keep.log", "lib/.gitignore", "lib/a.ex"]
        );
        assert_eq!(listed(&root, "deps/dep"), ["deps/dep/lib/d.ex"]);
        assert_eq!(listed(&root, "lib"), ["lib/.gitignore", "lib/a.ex"]);
    }
}
