//! What a person points at: a file of the project, a module or a function.

use crate::error::Error;
use crate::project::tree;
use aiex_proto::code::ErrorCode;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Most bytes of a target.
const TARGET_BYTES_MAX: usize = 1024;

/// Turns what was typed into the target the cluster understands: a path becomes relative to the project's root,
/// `lib/a.ex:12` keeps its line, and a name (`Shop.Cart`, `Shop.Cart.total/1`) is taken as it is.
///
/// # Errors
/// One clear refusal for each path that leaves the project, does not exist, or is no readable text.
pub(crate) fn resolve(typed: &str, cwd: &Path, root: &Path) -> Result<String, Error> {
    let typed = typed.trim();
    if typed.is_empty() || typed.len() > TARGET_BYTES_MAX || typed.chars().any(char::is_control) {
        return Err(Error::usage(
            "the target is empty, too long or holds control characters",
            "name a file (lib/a.ex), a module (Shop.Cart) or a function (Shop.Cart.total/1)",
        ));
    }
    if !is_path(typed, cwd) {
        return name(typed);
    }
    let (path, line) = split_line(typed);
    let relative = inside(Path::new(path), cwd, root)?;
    check_file(&root.join(&relative), path)?;
    let relative = relative.to_string_lossy();
    Ok(line.map_or_else(
        || relative.clone().into_owned(),
        |line| format!("{relative}:{line}"),
    ))
}

/// A path has a separator or an Elixir extension, or simply exists; `Mod.fun/2` has a separator but no path.
fn is_path(typed: &str, cwd: &Path) -> bool {
    let (path, _) = split_line(typed);
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    if matches!(
        extension,
        Some("ex" | "exs" | "heex" | "eex" | "leex" | "md")
    ) {
        return true;
    }
    let names_function = path.starts_with(|c: char| c.is_ascii_uppercase())
        && path.rsplit_once('/').is_some_and(|(_, arity)| {
            !arity.is_empty() && arity.bytes().all(|b| b.is_ascii_digit())
        });
    !names_function && (path.contains('/') || cwd.join(path).exists())
}

fn split_line(typed: &str) -> (&str, Option<u32>) {
    match typed
        .rsplit_once(':')
        .map(|(path, line)| (path, line.parse()))
    {
        Some((path, Ok(line))) if !path.is_empty() => (path, Some(line)),
        _ => (typed, None),
    }
}

fn name(typed: &str) -> Result<String, Error> {
    let plausible = typed
        .chars()
        .all(|c| c.is_alphanumeric() || "._/!?:@<>=+-*&|^~\"%{}[]\\#".contains(c));
    if plausible {
        Ok(typed.to_owned())
    } else {
        Err(Error::usage(
            format!("'{typed}' names neither a file nor a module or function"),
            "examples: lib/shop/cart.ex, Shop.Cart, Shop.Cart.total/1",
        ))
    }
}

/// The path relative to the root, without following the last link.
fn inside(path: &Path, cwd: &Path, root: &Path) -> Result<PathBuf, Error> {
    let cwd = fs::canonicalize(cwd).map_err(|error| Error::file("resolve", cwd, &error))?;
    let joined = lexical(&cwd.join(path));
    let outside = || {
        Error::refused(
            ErrorCode::PermissionDenied,
            format!(
                "{} is outside the project {}",
                path.display(),
                root.display()
            ),
            "name a file of the project; symbolic links that leave it are not followed",
        )
    };
    let relative = joined.strip_prefix(root).map_err(|_| outside())?.to_owned();
    // Links on the way may lead out even when the text of the path does not.
    if let Ok(real) = fs::canonicalize(&joined)
        && !real.starts_with(root)
    {
        return Err(outside());
    }
    Ok(relative)
}

/// Resolves `.` and `..` by their text alone.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

fn check_file(place: &Path, shown: &str) -> Result<(), Error> {
    let metadata =
        fs::metadata(place).map_err(|error| Error::file("read", Path::new(shown), &error))?;
    if metadata.is_dir() {
        return Err(Error::usage(
            format!("{shown} is a directory"),
            "name one file, or look at a directory with: aiex analyze code PATH",
        ));
    }
    if metadata.len() > tree::FILE_BYTES_MAX {
        return Err(Error::refused(
            ErrorCode::LimitReached,
            format!(
                "{shown} has {} bytes; the limit is {}",
                metadata.len(),
                tree::FILE_BYTES_MAX
            ),
            "split the file, or name a module inside it",
        ));
    }
    tree::open(place).map_err(|error| Error::file("read", Path::new(shown), &error))?;
    let content = tree::read(place).map_err(|reason| {
        Error::refused(
            ErrorCode::InvalidArgument,
            format!("{shown} cannot be read: {reason}"),
            "name a source file",
        )
    })?;
    if content.contains(&0) || std::str::from_utf8(&content).is_err() {
        return Err(Error::refused(
            ErrorCode::InvalidArgument,
            format!("{shown} is not text"),
            "Elixir source is UTF-8; convert the file or name another",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode};
    use std::os::unix::fs::symlink;

    struct Place {
        _dir: tempfile::TempDir,
        root: PathBuf,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        let root = top.join("shop");
        fs::create_dir_all(root.join("lib")).expect("directories");
        fs::write(root.join("lib/a.ex"), "defmodule A do\nend\n").expect("a file");
        fs::write(root.join("lib/bin.ex"), b"a\0b").expect("a file");
        fs::write(root.join("lib/latin.ex"), b"caf\xe9").expect("a file");
        fs::File::create(root.join("lib/large.ex"))
            .expect("a file")
            .set_len(100 << 20)
            .expect("sparse");
        fs::write(top.join("outside.ex"), "x").expect("a file");
        symlink(top.join("outside.ex"), root.join("lib/link.ex")).expect("a link");
        let pipe = root.join("lib/pipe.ex");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        Place { _dir: dir, root }
    }

    #[test]
    fn names_and_paths_are_told_apart() {
        let Place { _dir, root } = place();
        let lib = root.join("lib");
        for (typed, cwd, expected) in [
            ("lib/a.ex", &root, "lib/a.ex"),
            ("a.ex", &lib, "lib/a.ex"),
            ("./a.ex:12", &lib, "lib/a.ex:12"),
            ("../lib/a.ex", &lib, "lib/a.ex"),
            ("Shop.Cart", &root, "Shop.Cart"),
            ("Shop.Cart.total/1", &root, "Shop.Cart.total/1"),
            ("Shop.Cart.valid?/1", &root, "Shop.Cart.valid?/1"),
        ] {
            assert_eq!(
                resolve(typed, cwd, &root).expect(typed),
                expected,
                "{typed}"
            );
        }
        let absolute = root.join("lib/a.ex");
        assert_eq!(
            resolve(&absolute.to_string_lossy(), &root, &root).expect("inside"),
            "lib/a.ex"
        );
    }

    #[test]
    fn each_bad_target_has_its_message_and_exit_code() {
        let Place { _dir, root } = place();
        for (typed, exit, needle) in [
            ("", 2, "empty"),
            ("what is this", 2, "names neither"),
            ("lib", 2, "is a directory"),
            ("lib/absent.ex", 1, "cannot read lib/absent.ex"),
            ("../outside.ex", 3, "outside the project"),
            ("/etc/passwd", 3, "outside the project"),
            ("lib/link.ex", 3, "outside the project"),
            ("lib/a.ex/b.ex", 1, "Not a directory"),
            ("lib/pipe.ex", 1, "not a regular file"),
            ("lib/bin.ex", 1, "is not text"),
            ("lib/latin.ex", 1, "is not text"),
            ("lib/large.ex", 4, "the limit is"),
        ] {
            let error = resolve(typed, &root, &root).expect_err(typed);
            assert!(error.to_string().contains(needle), "{typed}: {error}");
            assert_eq!(error.exit().code(), exit, "{typed}: {error}");
            assert!(!error.hint().is_empty(), "{typed}");
        }
    }
}
