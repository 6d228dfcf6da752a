//! A directory held by descriptor; every file operation resolves beneath it in the kernel.
//!
//! `openat2` with `RESOLVE_BENEATH`, `NO_SYMLINKS` and `NO_MAGICLINKS` makes the check and the open one
//! step, so nobody can swap a link in between. No operation here takes an absolute path.

use std::{
    io::{Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use crate::{
    digest::content_hash,
    error::{Error, Result},
    path::WorkspacePath,
};

/// Largest text file a tool reads or writes, in bytes.
pub const TEXT_BYTES_MAX: u64 = 4 << 20;
/// Bits of the mode that survive a write: set-id bits are dropped.
const MODE_KEPT: u32 = 0o777;
/// The kernel answers EAGAIN when a rename races with the resolution; this often is tried again.
const RACE_RETRIES_MAX: usize = 8;

/// A text file as it was read: content, hash and what a rewrite must keep.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub content: String,
    pub hash: String,
    pub(crate) owner: Owner,
}

/// Owner and mode of a file that is about to be replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    mode: u32,
    user: u32,
    group: u32,
}

/// One directory that tools may touch.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    location: PathBuf,
    writable: bool,
}

impl Root {
    /// Opens a directory and keeps it; later renames of the path do not matter.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotDirectory`] or an I/O error.
    pub fn open(location: &Path, writable: bool) -> Result<Self> {
        let shown = location.display().to_string();
        let location = location
            .canonicalize()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Error::Missing {
                    path: shown.clone(),
                },
                std::io::ErrorKind::PermissionDenied => Error::Unreadable {
                    path: shown.clone(),
                },
                _ => Error::io(format!("resolving {shown}"), error),
            })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            fs::open(&location, flags, Mode::empty()).map_err(|errno| translate(errno, &shown))?;
        Ok(Self {
            directory,
            location,
            writable,
        })
    }

    /// Where the directory was when it was opened; for display, mounts and child processes.
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// Says whether writes are allowed beneath it at all.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Reads a text file whole.
    ///
    /// # Errors
    /// Everything that is not a readable, regular, UTF-8 file of at most [`TEXT_BYTES_MAX`].
    pub fn read_text(&self, path: &WorkspacePath) -> Result<TextFile> {
        let file = self.open_file(path)?;
        let stat = fs::fstat(&file).map_err(|errno| translate(errno, path.for_kernel()))?;
        require_regular(&stat, path)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > TEXT_BYTES_MAX {
            return Err(too_large(path, size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        std::fs::File::from(file)
            .take(TEXT_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(format!("reading {path}"), error))?;
        if bytes.len() as u64 > TEXT_BYTES_MAX {
            return Err(too_large(path, bytes.len() as u64));
        }
        let content = decode(bytes, path)?;
        Ok(TextFile {
            hash: content_hash(&content),
            content,
            owner: Owner {
                mode: stat.st_mode & MODE_KEPT,
                user: stat.st_uid,
                group: stat.st_gid,
            },
        })
    }

    /// Reads a text file, or `None` when it does not exist.
    pub(crate) fn read_text_if_any(&self, path: &WorkspacePath) -> Result<Option<TextFile>> {
        match self.read_text(path) {
            Ok(file) => Ok(Some(file)),
            Err(Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says whether something is at the path, without opening it for reading.
    pub fn kind(&self, path: &WorkspacePath) -> Result<FileType> {
        let handle = self.open_beneath(path, OFlags::PATH, Mode::empty())?;
        let stat = fs::fstat(&handle).map_err(|errno| translate(errno, path.for_kernel()))?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }

    /// Refuses a write to a place that tools must not write, before anything is prepared.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Protected`], [`Error::HardLinked`], [`Error::NotRegular`], [`Error::Escape`].
    pub fn check_writable(&self, path: &WorkspacePath) -> Result<()> {
        if !self.writable {
            return Err(Error::ReadOnly {
                path: path.to_string(),
            });
        }
        if path.is_protected() {
            return Err(Error::Protected {
                path: path.to_string(),
            });
        }
        match self.open_beneath(path, OFlags::PATH, Mode::empty()) {
            Ok(handle) => {
                let stat =
                    fs::fstat(&handle).map_err(|errno| translate(errno, path.for_kernel()))?;
                require_regular(&stat, path)?;
                if stat.st_nlink > 1 {
                    return Err(Error::HardLinked {
                        path: path.to_string(),
                        links: stat.st_nlink,
                    });
                }
                Ok(())
            }
            Err(Error::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces or creates a file in one step: temporary file, fsync, rename, fsync of the directory.
    ///
    /// A reader sees the old or the new text, never a part. `temporary` is a name in the same directory;
    /// a leftover of that name from a crash is removed first.
    pub(crate) fn write_text(
        &self,
        path: &WorkspacePath,
        content: &str,
        owner: Option<Owner>,
        temporary: &str,
    ) -> Result<()> {
        self.check_writable(path)?;
        let Some((parent, name)) = path.split_last() else {
            return Err(Error::NotRegular {
                path: path.to_string(),
                found: "a directory",
            });
        };
        let directory = self.make_directory(&parent)?;
        let failed = |errno: Errno| translate(errno, path.for_kernel());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // a new file gets what the umask leaves of 0666; a replaced one is closed until its mode is known
        let mode = Mode::from_raw_mode(if owner.is_some() { 0o600 } else { 0o666 });
        let created = match fs::openat(&directory, temporary, flags, mode) {
            Err(Errno::EXIST) => {
                fs::unlinkat(&directory, temporary, AtFlags::empty()).map_err(failed)?;
                fs::openat(&directory, temporary, flags, mode)
            }
            other => other,
        };
        let mut file = std::fs::File::from(created.map_err(failed)?);
        let written = fill(&mut file, content, owner)
            .map_err(|error| Error::io(format!("writing {path}"), error))
            .and_then(|()| fs::renameat(&directory, temporary, &directory, name).map_err(failed));
        if let Err(error) = written {
            // the temporary is ours alone; a second failure here leaves only a protected leftover
            fs::unlinkat(&directory, temporary, AtFlags::empty()).ok();
            return Err(error);
        }
        fs::fsync(&directory).map_err(failed)
    }

    /// Removes a file; one that is already gone is fine.
    pub(crate) fn remove_file(&self, path: &WorkspacePath) -> Result<()> {
        self.check_writable(path)?;
        let Some((parent, name)) = path.split_last() else {
            return Err(Error::NotRegular {
                path: path.to_string(),
                found: "a directory",
            });
        };
        let directory = match self.open_directory(&parent) {
            Err(Error::Missing { .. }) => return Ok(()),
            other => other?,
        };
        match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {
                fs::fsync(&directory).map_err(|errno| translate(errno, path.for_kernel()))
            }
            Err(errno) => Err(translate(errno, path.for_kernel())),
        }
    }

    /// Opens a file for reading without following anything; does not block on a FIFO.
    pub(crate) fn open_file(&self, path: &WorkspacePath) -> Result<OwnedFd> {
        // looked at first, because opening a device or a FIFO has effects of its own
        let handle = self.open_beneath(path, OFlags::PATH, Mode::empty())?;
        let stat = fs::fstat(&handle).map_err(|errno| translate(errno, path.for_kernel()))?;
        require_regular(&stat, path)?;
        self.open_beneath(
            path,
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
            Mode::empty(),
        )
    }

    /// Opens a directory for listing.
    pub(crate) fn open_directory(&self, path: &WorkspacePath) -> Result<OwnedFd> {
        self.open_beneath(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
    }

    fn make_directory(&self, path: &WorkspacePath) -> Result<OwnedFd> {
        match self.open_directory(path) {
            Err(Error::Missing { .. }) => {}
            other => return other,
        }
        let Some((parent, name)) = path.split_last() else {
            return Err(Error::Missing {
                path: path.to_string(),
            });
        };
        let holder = self.make_directory(&parent)?;
        match fs::mkdirat(&holder, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(translate(errno, path.for_kernel())),
        }
        fs::fsync(&holder).map_err(|errno| translate(errno, path.for_kernel()))?;
        self.open_directory(path)
    }

    fn open_beneath(&self, path: &WorkspacePath, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        for _ in 0..RACE_RETRIES_MAX {
            match fs::openat2(&self.directory, path.for_kernel(), flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other.map_err(|errno| translate(errno, path.for_kernel())),
            }
        }
        Err(Error::Escape {
            path: path.to_string(),
        })
    }
}

fn fill(file: &mut std::fs::File, content: &str, owner: Option<Owner>) -> std::io::Result<()> {
    file.write_all(content.as_bytes())?;
    if let Some(owner) = owner {
        let stat = fs::fstat(&*file)?;
        if (stat.st_uid, stat.st_gid) != (owner.user, owner.group) {
            // only root may give files away; for others the file simply becomes theirs
            let given = fs::fchown(
                &*file,
                Some(fs::Uid::from_raw(owner.user)),
                Some(fs::Gid::from_raw(owner.group)),
            );
            if given.is_err() {
                tracing::debug!("owner of a rewritten file could not be kept");
            }
        }
        fs::fchmod(&*file, Mode::from_raw_mode(owner.mode))?;
    }
    file.sync_all()
}

fn decode(bytes: Vec<u8>, path: &WorkspacePath) -> Result<String> {
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Error::Binary {
            path: path.to_string(),
            offset,
        });
    }
    String::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
        path: path.to_string(),
        offset: error.utf8_error().valid_up_to(),
    })
}

fn require_regular(stat: &Stat, path: &WorkspacePath) -> Result<()> {
    let found = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => {
            return Err(Error::Escape {
                path: path.to_string(),
            });
        }
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    };
    Err(Error::NotRegular {
        path: path.to_string(),
        found,
    })
}

fn too_large(path: &WorkspacePath, bytes: u64) -> Error {
    Error::TooLarge {
        path: path.to_string(),
        bytes,
        limit: TEXT_BYTES_MAX,
    }
}

pub(crate) fn translate(errno: Errno, path: &str) -> Error {
    let path = path.to_owned();
    match errno {
        Errno::LOOP | Errno::XDEV => Error::Escape { path },
        Errno::NOENT => Error::Missing { path },
        Errno::NOTDIR => Error::NotDirectory { path },
        Errno::ISDIR => Error::NotRegular {
            path,
            found: "a directory",
        },
        Errno::ACCESS | Errno::PERM => Error::Unreadable { path },
        errno => Error::io(format!("opening {path}"), errno),
    }
}

#[cfg(test)]
mod tests;
