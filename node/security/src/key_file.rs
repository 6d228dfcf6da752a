//! Secrets on disk: the master key, and small secret files such as a first token.
//!
//! The only file of this crate that touches the file system. A secret file is a plain file of
//! mode 0600 or narrower, owned by the user who runs the process; anything else is refused.

use crate::entropy::random_bytes;
use crate::token::hex;
use crate::{Error, MasterKey};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The exact size of a master key file.
pub const KEY_FILE_BYTES: usize = 32;
/// The largest secret file that is read or written.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 << 10;

const MODE_PRIVATE: u32 = 0o600;
const MODE_PRIVATE_DIRECTORY: u32 = 0o700;
const MODE_OTHERS: u32 = 0o077;

/// Loads the master key, or makes one at first start. Two starts at once end with the same key.
pub fn load_or_create_key_file(path: &Path) -> Result<MasterKey, Error> {
    if let Some(key) = load_key(path)? {
        return Ok(key);
    }
    let fresh = random_bytes::<KEY_FILE_BYTES>()?;
    match write_secret_file(path, fresh.as_ref()) {
        Ok(()) => MasterKey::from_bytes(&fresh),
        // another process was first: its key counts
        Err(Error::FileExists { path }) => load_key(&path)?.ok_or(Error::FileExists { path }),
        Err(other) => Err(other),
    }
}

/// Reads a secret file; `None` when there is none. Fails when others could read it too.
pub fn read_secret_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(Error::FileKind { path: path.into() });
        }
        Err(error) => return Err(failed("open", path)(error)),
    };
    check_private(&file, path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES + 1));
    let read = file.take(SECRET_FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let found = read.map_err(failed("read", path))? as u64;
    if found > SECRET_FILE_BYTES_MAX {
        let expected = format!("at most {SECRET_FILE_BYTES_MAX}");
        return Err(Error::FileSize {
            path: path.into(),
            found,
            expected,
        });
    }
    Ok(Some(bytes))
}

/// Writes a new secret file with mode 0600, whole or not at all, synced. Refuses to replace one.
/// Missing directories are made with mode 0700.
pub fn write_secret_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(MODE_PRIVATE_DIRECTORY);
    builder.create(folder).map_err(failed("create", folder))?;
    let temporary = temporary_beside(path)?;
    let outcome = write_then_link(path, &temporary, bytes);
    let removed = std::fs::remove_file(&temporary);
    outcome?;
    removed.map_err(failed("remove", &temporary))?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("sync", folder))
}

fn load_key(path: &Path) -> Result<Option<MasterKey>, Error> {
    let Some(bytes) = read_secret_file(path)? else {
        return Ok(None);
    };
    let key: &[u8; KEY_FILE_BYTES] = bytes.as_slice().try_into().map_err(|_| Error::FileSize {
        path: path.into(),
        found: bytes.len() as u64,
        expected: KEY_FILE_BYTES.to_string(),
    })?;
    MasterKey::from_bytes(key).map(Some)
}

/// A link, unlike a rename, never replaces what another process put there meanwhile.
fn write_then_link(path: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE_PRIVATE);
    let mut file = options
        .open(temporary)
        .map_err(failed("create", temporary))?;
    file.write_all(bytes).map_err(failed("write", temporary))?;
    file.sync_all().map_err(failed("sync", temporary))?;
    std::fs::hard_link(temporary, path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::FileExists { path: path.into() },
        _ => failed("create", path)(error),
    })
}

/// Judges the opened file, not its name, so that nothing can be swapped in between.
fn check_private(file: &File, path: &Path) -> Result<(), Error> {
    let meta = file.metadata().map_err(failed("inspect", path))?;
    if !meta.is_file() {
        return Err(Error::FileKind { path: path.into() });
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::FileOwner { path: path.into() });
    }
    let mode = meta.mode() & 0o7777;
    if mode & MODE_OTHERS != 0 {
        return Err(Error::FileModeTooWide {
            path: path.into(),
            mode,
        });
    }
    Ok(())
}

fn temporary_beside(path: &Path) -> Result<PathBuf, Error> {
    let Some(name) = path.file_name() else {
        return Err(Error::FileKind { path: path.into() });
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", hex(random_bytes::<16>()?.as_ref())));
    Ok(path.with_file_name(hidden))
}

fn failed(verb: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::File {
        verb,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_a_private_key_and_the_next_loads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/master.key");
        let first = load_or_create_key_file(&path).unwrap();
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(mode_of(path.parent().unwrap()), 0o700);
        assert_eq!(load_or_create_key_file(&path).unwrap().id(), first.id());
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn many_first_starts_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let ids: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_create_key_file(&path).unwrap().id()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn wide_modes_links_directories_and_wrong_sizes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        load_or_create_key_file(&path).unwrap();
        for mode in [0o640, 0o604, 0o610, 0o777] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let refused = load_or_create_key_file(&path).unwrap_err();
            assert!(
                matches!(refused, Error::FileModeTooWide { .. }),
                "{refused}"
            );
            assert!(
                refused.hint().starts_with("run `chmod 600 "),
                "{}",
                refused.hint()
            );
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(load_or_create_key_file(&path).is_ok());

        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(
            load_or_create_key_file(&link),
            Err(Error::FileKind { .. })
        ));
        let directory = folder.path().join("directory");
        std::fs::create_dir(&directory).unwrap();
        assert!(matches!(
            load_or_create_key_file(&directory),
            Err(Error::FileKind { .. })
        ));

        let short = folder.path().join("short");
        write_secret_file(&short, &[0; 31]).unwrap();
        assert!(matches!(
            load_or_create_key_file(&short),
            Err(Error::FileSize { found: 31, .. })
        ));
    }

    #[test]
    fn a_secret_file_is_never_replaced_and_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(read_secret_file(&path).unwrap().is_none());
        write_secret_file(&path, b"first").unwrap();
        let refused = write_secret_file(&path, b"second").unwrap_err();
        assert!(matches!(refused, Error::FileExists { .. }), "{refused}");
        assert_eq!(
            read_secret_file(&path).unwrap().unwrap().as_slice(),
            b"first"
        );
        assert_eq!(mode_of(&path), 0o600);
    }
}
