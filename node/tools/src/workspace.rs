//! The project root plus the allowed outside directories: turns a path text into a root and a path in it.

use std::path::Path;

use crate::{
    error::{Error, Result},
    path::WorkspacePath,
    policy::OutsideDirectory,
    root::Root,
};

/// All directories the file tools reach.
#[derive(Debug)]
pub(crate) struct Workspace {
    project: Root,
    outside: Vec<Root>,
}

/// A path text, resolved to the root it lies beneath.
#[derive(Debug, Clone)]
pub(crate) struct Place<'w> {
    pub(crate) root: &'w Root,
    pub(crate) path: WorkspacePath,
    /// As shown to people: relative for the project, absolute for outside directories.
    pub(crate) shown: String,
}

impl Workspace {
    /// Opens the project root and every outside directory that exists.
    ///
    /// # Errors
    /// The project root must be an openable directory; so must each allowed outside directory.
    pub(crate) fn open(project: &Path, outside: &[OutsideDirectory]) -> Result<Self> {
        Ok(Self {
            project: Root::open(project, true)?,
            outside: outside
                .iter()
                .map(|allowed| Root::open(&allowed.path, allowed.writable))
                .collect::<Result<_>>()?,
        })
    }

    pub(crate) fn project(&self) -> &Root {
        &self.project
    }

    /// Resolves a path text: relative to the project, or absolute beneath an allowed directory.
    pub(crate) fn place(&self, text: &str) -> Result<Place<'_>> {
        if text.starts_with('/') {
            for root in &self.outside {
                // compared name by name, so that /data-evil is not taken for /data
                let Ok(rest) = Path::new(text).strip_prefix(root.location()) else {
                    continue;
                };
                let Some(rest) = rest.to_str() else { continue };
                let path = match rest {
                    "" => WorkspacePath::root(),
                    rest => WorkspacePath::parse_beneath(rest)?,
                };
                return Ok(Place {
                    root,
                    path,
                    shown: text.to_owned(),
                });
            }
        }
        let path = WorkspacePath::parse(text)?;
        Ok(Place {
            root: &self.project,
            shown: path.to_string(),
            path,
        })
    }
}

impl Place<'_> {
    /// Puts the shown path into an error that knows only the path beneath its root.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self.root.check_writable(&self.path) {
            Err(Error::ReadOnly { .. }) => Err(Error::ReadOnly {
                path: self.shown.clone(),
            }),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_outside_only_through_the_allowlist() {
        let project = tempfile::tempdir().unwrap();
        let allowed = tempfile::tempdir().unwrap();
        std::fs::write(allowed.path().join("guide.md"), "text").unwrap();
        let outside = [OutsideDirectory {
            path: allowed.path().to_owned(),
            writable: false,
        }];
        let workspace = Workspace::open(project.path(), &outside).unwrap();
        let base = allowed.path().canonicalize().unwrap();
        let at = |name: &str| format!("{}{name}", base.display());

        let place = workspace.place(&at("/guide.md")).unwrap();
        assert_eq!(place.root.read_text(&place.path).unwrap().content, "text");
        assert!(matches!(
            place.check_writable(),
            Err(Error::ReadOnly { .. })
        ));
        assert!(matches!(
            workspace.place(&at("-evil/guide.md")),
            Err(Error::PathRefused { .. })
        ));
        assert!(matches!(
            workspace.place(&at("/../x")),
            Err(Error::PathRefused { .. })
        ));
        assert!(matches!(
            workspace.place("/etc/passwd"),
            Err(Error::PathRefused { .. })
        ));
    }
}
