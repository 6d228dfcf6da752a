//! Which project the user stands in, and what it is called across machines.

pub(crate) mod tree;

use crate::config::PROJECT_FILE;
use crate::environment::Environment;
use crate::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Most bytes read of `mix.exs` and of a git configuration.
const SMALL_FILE_BYTES_MAX: u64 = 1 << 20;

/// A working tree and its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// Canonical root: the nearest `mix.exs` or `.aiex.toml` upward, else the working directory.
    pub(crate) root: PathBuf,
    /// The same on every machine: the origin of the repository, else the name of the Mix application.
    pub(crate) name: String,
    /// Names this working tree of this user on this machine.
    pub(crate) executor_id: String,
    /// Where this program keeps what it knows about the working tree.
    pub(crate) state_dir: PathBuf,
    pub(crate) has_mix: bool,
}

impl Project {
    /// Finds the project of the working directory.
    ///
    /// # Errors
    /// When the working directory cannot be resolved.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Error> {
        let cwd = fs::canonicalize(&environment.cwd)
            .map_err(|error| Error::file("resolve", &environment.cwd, &error))?;
        let root = find_root(&cwd);
        let identity = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
        let hash: String = identity.chars().take(16).collect();
        let label: String = root
            .file_name()
            .map(|name| {
                name.to_string_lossy()
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect()
            })
            .unwrap_or_default();
        Ok(Self {
            name: name(&root),
            executor_id: executor_id(&root),
            state_dir: environment
                .state_dir
                .join("projects")
                .join(format!("{label}-{hash}")),
            has_mix: root.join("mix.exs").is_file(),
            root,
        })
    }
}

/// The nearest marker upward; an application of an umbrella belongs to the umbrella.
fn find_root(cwd: &Path) -> PathBuf {
    let marked = |dir: &&Path| dir.join("mix.exs").is_file() || dir.join(PROJECT_FILE).is_file();
    let Some(nearest) = cwd.ancestors().find(marked) else {
        return cwd.to_owned();
    };
    let umbrella = nearest.parent().and_then(Path::parent).filter(|above| {
        read_small(&above.join("mix.exs")).is_some_and(|text| text.contains("apps_path:"))
    });
    umbrella.unwrap_or(nearest).to_owned()
}

fn name(root: &Path) -> String {
    origin(root)
        .or_else(|| read_small(&root.join("mix.exs")).and_then(|text| application(&text)))
        .or_else(|| {
            root.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        })
        .unwrap_or_else(|| "project".to_owned())
}

/// `app: :shop` of a `mix.exs`, read as text: the file is never run here.
fn application(mix: &str) -> Option<String> {
    let (_, rest) = mix.split_once("app: :")?;
    let name: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// `host/path` of the repository's origin, with the place of the project inside it. Git itself is not run.
fn origin(root: &Path) -> Option<String> {
    let top = root.ancestors().find(|dir| dir.join(".git").is_dir())?;
    let url = origin_url(&read_small(&top.join(".git/config"))?)?;
    let inside = root.strip_prefix(top).ok()?.to_string_lossy().into_owned();
    let repository = plain_url(&url)?;
    Some(if inside.is_empty() {
        repository
    } else {
        format!("{repository}#{inside}")
    })
}

fn origin_url(config: &str) -> Option<String> {
    let mut in_origin = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_origin = line == "[remote \"origin\"]";
        } else if in_origin
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// Drops the scheme, any credentials and `.git`. A local path is no name across machines.
fn plain_url(url: &str) -> Option<String> {
    let rest = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.to_owned(),
        None => {
            let (host, path) = url.split_once(':')?;
            if host.contains('/') {
                return None;
            }
            format!("{host}/{path}")
        }
    };
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    (!host.is_empty() && !path.is_empty()).then(|| format!("{host}/{path}"))
}

fn executor_id(root: &Path) -> String {
    let host = read_small(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    let user = fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(host.trim().as_bytes())
        .update(&[0])
        .update(&user.to_le_bytes());
    hasher.update(root.as_os_str().as_encoded_bytes());
    hasher.finalize().to_hex().chars().take(32).collect()
}

fn read_small(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.len() > SMALL_FILE_BYTES_MAX {
        return None;
    }
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_root_is_the_nearest_marker_or_the_umbrella() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path();
        write(top, "plain/lib/a.ex", "");
        assert_eq!(find_root(&top.join("plain/lib")), top.join("plain/lib"));
        write(top, "shop/mix.exs", "app: :shop");
        write(top, "shop/lib/shop/a.ex", "");
        assert_eq!(find_root(&top.join("shop/lib/shop")), top.join("shop"));
        write(top, "all/mix.exs", "apps_path: \"apps\"");
        write(top, "all/apps/one/mix.exs", "app: :one");
        write(top, "all/apps/one/lib/a.ex", "");
        assert_eq!(find_root(&top.join("all/apps/one/lib")), top.join("all"));
    }

    #[test]
    fn names_come_from_the_origin_then_mix_then_the_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path();
        write(top, "shop/a", "");
        assert_eq!(name(&top.join("shop")), "shop");
        write(
            top,
            "shop/mix.exs",
            "def project, do: [app: :web_shop, version: \"1\"]",
        );
        assert_eq!(name(&top.join("shop")), "web_shop");
        write(
            top,
            "shop/.git/config",
            "[core]\n\turl = no\n[remote \"origin\"]\n\turl = git@git.example.org:team/shop.git\n",
        );
        assert_eq!(name(&top.join("shop")), "git.example.org/team/shop");
        write(top, "shop/apps/one/mix.exs", "");
        assert_eq!(
            name(&top.join("shop/apps/one")),
            "git.example.org/team/shop#apps/one"
        );
    }

    #[test]
    fn credentials_never_become_part_of_a_name() {
        for (url, expected) in [
            (
                "https://ana:secret@git.example.org/team/shop.git",
                Some("git.example.org/team/shop"),
            ),
            (
                "ssh://git@git.example.org:2222/team/shop",
                Some("git.example.org:2222/team/shop"),
            ),
            (
                "git@git.example.org:team/shop.git/",
                Some("git.example.org/team/shop"),
            ),
            ("/srv/git/shop.git", None),
            ("../shop", None),
            ("file:///srv/shop", None),
        ] {
            assert_eq!(plain_url(url).as_deref(), expected, "{url}");
        }
    }
}
