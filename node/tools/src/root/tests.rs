//! The boundary under bad names, bad files and an attacker who swaps links while we open.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;

struct Place {
    outside: tempfile::TempDir,
    inside: tempfile::TempDir,
    root: Root,
}

fn place() -> Place {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "outside").unwrap();
    let inside = tempfile::tempdir().unwrap();
    let root = Root::open(inside.path(), true).unwrap();
    Place {
        outside,
        inside,
        root,
    }
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).unwrap()
}

#[test]
fn reads_and_replaces_and_keeps_the_mode() {
    let place = place();
    let file = place.inside.path().join("run.exs");
    std::fs::write(&file, "one\r\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4750)).unwrap();
    let text = place.root.read_text(&path("run.exs")).unwrap();
    assert_eq!(text.content, "one\r\n");
    place
        .root
        .write_text(&path("run.exs"), "two\r\n", Some(text.owner), ".aiex-t")
        .unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\r\n");
    assert_eq!(
        file.metadata().unwrap().permissions().mode() & 0o7777,
        0o750,
        "set-id bit must fall"
    );
    assert!(!place.inside.path().join(".aiex-t").exists());
}

#[test]
fn creates_missing_directories() {
    let place = place();
    place
        .root
        .write_text(&path("lib/deep/er/a.ex"), "x", None, ".aiex-t")
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(place.inside.path().join("lib/deep/er/a.ex")).unwrap(),
        "x"
    );
    place.root.remove_file(&path("lib/deep/er/a.ex")).unwrap();
    place.root.remove_file(&path("lib/deep/er/a.ex")).unwrap();
    assert!(matches!(
        place.root.read_text(&path("lib/deep/er/a.ex")),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn follows_no_link_anywhere() {
    let place = place();
    symlink(place.outside.path(), place.inside.path().join("dir")).unwrap();
    symlink(
        place.outside.path().join("secret"),
        place.inside.path().join("file"),
    )
    .unwrap();
    symlink(
        "/proc/self/root/etc/passwd",
        place.inside.path().join("magic"),
    )
    .unwrap();
    for name in ["dir/secret", "file", "magic"] {
        let error = place.root.read_text(&path(name)).unwrap_err();
        assert!(matches!(error, Error::Escape { .. }), "{name}: {error}");
        let error = place
            .root
            .write_text(&path(name), "x", None, ".aiex-t")
            .unwrap_err();
        assert!(matches!(error, Error::Escape { .. }), "{name}: {error}");
    }
    assert_eq!(
        std::fs::read_to_string(place.outside.path().join("secret")).unwrap(),
        "outside"
    );
}

#[test]
fn refuses_hard_links_protected_names_and_read_only_roots() {
    let place = place();
    std::fs::hard_link(
        place.outside.path().join("secret"),
        place.inside.path().join("link.ex"),
    )
    .unwrap();
    let write = |root: &Root, name: &str| {
        root.write_text(&path(name), "x", None, ".aiex-t")
            .unwrap_err()
    };
    assert!(matches!(
        write(&place.root, "link.ex"),
        Error::HardLinked { links: 2, .. }
    ));
    assert!(matches!(
        write(&place.root, ".git/hooks/pre-commit"),
        Error::Protected { .. }
    ));
    assert!(matches!(
        write(&place.root, "deps/a/.GIT/config"),
        Error::Protected { .. }
    ));
    assert!(matches!(
        write(&place.root, ".aiex.toml"),
        Error::Protected { .. }
    ));
    let read_only = Root::open(place.outside.path(), false).unwrap();
    assert!(matches!(
        write(&read_only, "secret"),
        Error::ReadOnly { .. }
    ));
    assert!(
        !place.inside.path().join(".git").exists(),
        "nothing may be prepared before the check"
    );
}

#[test]
fn names_what_is_wrong_with_a_file() {
    let place = place();
    let at = |name: &str| place.inside.path().join(name);
    std::fs::write(at("binary"), b"ab\0c").unwrap();
    std::fs::write(at("latin"), b"caf\xe9\n").unwrap();
    std::fs::File::create(at("huge"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe"),
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let read = |name: &str| place.root.read_text(&path(name)).unwrap_err();
    assert!(matches!(read("binary"), Error::Binary { offset: 2, .. }));
    assert!(matches!(read("latin"), Error::NotUtf8 { offset: 3, .. }));
    assert!(matches!(
        read("huge"),
        Error::TooLarge {
            bytes: 104_857_600,
            ..
        }
    ));
    assert!(matches!(
        read("folder"),
        Error::NotRegular {
            found: "a directory",
            ..
        }
    ));
    assert!(matches!(
        read("pipe"),
        Error::NotRegular {
            found: "a FIFO",
            ..
        }
    ));
    assert!(matches!(read("absent"), Error::Missing { .. }));
    assert!(matches!(read("latin/x"), Error::NotDirectory { .. }));
}

#[test]
fn says_when_permission_is_missing() {
    let place = place();
    let file = place.inside.path().join("closed");
    std::fs::write(&file, "x").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o0)).unwrap();
    let result = place.root.read_text(&path("closed"));
    if rustix::process::geteuid().is_root() {
        // root reads everything; the translation itself must still be right
        assert!(matches!(
            translate(Errno::ACCESS, "closed"),
            Error::Unreadable { .. }
        ));
    } else {
        assert!(matches!(result, Err(Error::Unreadable { .. })));
    }
}

/// T01: `dir` flips between a real directory and a link to the outside while we read and write in it.
#[test]
fn never_escapes_while_links_are_swapped() {
    const TRIES: usize = 10_000;
    let place = place();
    let victim = place.inside.path().join("dir");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("secret"), "inside").unwrap();
    let link = place.inside.path().join("link");
    symlink(place.outside.path(), &link).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let attacker = std::thread::spawn({
        let (stop, victim, link) = (stop.clone(), victim, link);
        move || {
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    &victim,
                    rustix::fs::CWD,
                    &link,
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
            }
        }
    });
    let (mut inside, mut refused) = (0, 0);
    for round in 0..TRIES {
        match place.root.read_text(&path("dir/secret")) {
            Ok(text) => {
                assert_eq!(text.content, "inside");
                inside += 1;
            }
            Err(_) => refused += 1,
        }
        if round % 50 == 0 {
            place
                .root
                .write_text(&path("dir/planted"), "x", None, ".aiex-t")
                .ok();
        }
    }
    stop.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(place.outside.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["secret"], "a write escaped");
    assert!(
        inside > 0 && refused > 0,
        "the race did not happen: {inside} inside, {refused} refused"
    );
}
