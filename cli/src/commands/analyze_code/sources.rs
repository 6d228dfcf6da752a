//! Reads the Elixir files of a path into memory.

use crate::error::Error;
use crate::project::tree::{self, FILE_BYTES_MAX, Skipped, walker};
use aiex_proto::code::ErrorCode;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Most files of one run.
const FILES_MAX: usize = 100_000;
/// Most bytes of one run.
const BYTES_MAX: u64 = 1 << 30;

/// Texts by their path, as it is shown.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) files: BTreeMap<String, String>,
    /// Elixir files left out, each with its reason.
    pub(super) skipped: Vec<Skipped>,
    /// True when one file was named.
    pub(super) is_single: bool,
}

impl Sources {
    /// Reads one file, or every Elixir file of a directory that is not ignored.
    ///
    /// # Errors
    /// A named file that is missing, unreadable, too large or no text; a directory without Elixir files.
    pub(super) fn read(path: &Path, cwd: &Path) -> Result<Self, Error> {
        let place = cwd.join(path);
        let metadata = fs::metadata(&place).map_err(|error| Error::file("read", path, &error))?;
        if metadata.is_dir() {
            Self::read_directory(path, &place)
        } else {
            Self::read_file(path, &place)
        }
    }

    fn read_file(path: &Path, place: &Path) -> Result<Self, Error> {
        tree::open(place).map_err(|error| Error::file("read", path, &error))?;
        let text = text_of(place).map_err(|reason| {
            let too_large =
                fs::metadata(place).is_ok_and(|metadata| metadata.len() > FILE_BYTES_MAX);
            let code = if too_large {
                ErrorCode::LimitReached
            } else {
                ErrorCode::InvalidArgument
            };
            Error::refused(
                code,
                format!("{} cannot be analysed: {reason}", path.display()),
                "name an Elixir source file or a directory",
            )
        })?;
        let files = BTreeMap::from([(shown(path), text)]);
        Ok(Self {
            files,
            skipped: Vec::new(),
            is_single: true,
        })
    }

    fn read_directory(path: &Path, place: &Path) -> Result<Self, Error> {
        let mut sources = Self::default();
        let mut size_bytes = 0;
        // An unreadable directory inside is no reason to refuse the rest.
        for entry in walker(place).build().flatten() {
            let file = entry.path();
            let is_elixir = file
                .extension()
                .is_some_and(|extension| extension == "ex" || extension == "exs");
            if !is_elixir || !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let name = shown(&path.join(file.strip_prefix(place).unwrap_or(file)));
            match text_of(file) {
                Ok(text) => {
                    size_bytes += text.len() as u64;
                    sources.files.insert(name, text);
                }
                Err(reason) => sources.skipped.push(Skipped { path: name, reason }),
            }
            if sources.files.len() > FILES_MAX || size_bytes > BYTES_MAX {
                return Err(Error::refused(
                    ErrorCode::LimitReached,
                    format!(
                        "{} holds more than {FILES_MAX} files or {BYTES_MAX} bytes",
                        path.display()
                    ),
                    "analyse its parts one by one",
                ));
            }
        }
        if sources.files.is_empty() {
            return Err(Error::refused(
                ErrorCode::NotFound,
                format!("no Elixir file (.ex, .exs) in {}", path.display()),
                "ignored files, deps and _build are left out; name a file to analyse it all the same",
            ));
        }
        Ok(sources)
    }
}

fn text_of(place: &Path) -> Result<String, String> {
    let bytes = tree::read(place)?;
    if bytes.contains(&0) {
        return Err("it is binary".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        format!(
            "it is not UTF-8 (byte {})",
            error.utf8_error().valid_up_to()
        )
    })
}

/// The path as it was named, without a leading `./`.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.display().to_string()
}
