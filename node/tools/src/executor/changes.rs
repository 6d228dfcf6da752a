//! Plans writes: from a call's arguments to the old and new text of every file, nothing written yet.

use std::collections::BTreeSet;

use super::Executor;
use crate::{
    ToolCall,
    arguments::{self, EditFile, EditFiles, FILES_MAX, FileChangeArguments, WriteFile},
    edit::{Applied, Change, FileEditKind, Grade, Replacement, apply, parse_patch, three_way},
    error::{Error, Result},
    root::TEXT_BYTES_MAX,
    trail::Trail,
    workspace::Place,
};

/// One file before and after; `None` where it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedFile {
    pub(super) path: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// How the edits matched, for people.
    pub(super) grades: Vec<Grade>,
}

/// All files of one call.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
    pub(super) verify: bool,
}

/// What a call wants of one file.
struct Wish {
    path: String,
    /// `None` deletes.
    change: Option<Change>,
    expected_hash: Option<String>,
    must_exist: bool,
    must_be_new: bool,
}

impl Executor {
    pub(super) fn plan(&self, call: &ToolCall, trail: &mut Trail) -> Result<Plan> {
        let (wishes, verify) = match call.name.as_str() {
            "write_file" => write_wish(arguments::parse(call)?),
            "edit_file" => edit_wish(arguments::parse(call)?)?,
            _ => edit_wishes(arguments::parse(call)?)?,
        };
        let mut seen = BTreeSet::new();
        let mut files = Vec::new();
        for wish in wishes {
            let operation = if wish.change.is_none() {
                "delete"
            } else {
                "write"
            };
            let planned = self
                .plan_file(&wish)
                .inspect_err(|error| trail.refused(operation, &wish.path, error))?;
            if !seen.insert(planned.path.clone()) {
                return Err(unusable(call, format!("`{}` is named twice", planned.path)));
            }
            trail.allowed(
                "read",
                &planned.path,
                planned.before.as_ref().map_or(0, |text| text.len() as u64),
            );
            files.push(planned);
        }
        Ok(Plan { files, verify })
    }

    fn plan_file(&self, wish: &Wish) -> Result<PlannedFile> {
        let place = self.workspace.place(&wish.path)?;
        place.check_writable()?;
        let before = place
            .root
            .read_text_if_any(&place.path)?
            .map(|file| file.content);
        if wish.must_exist && before.is_none() {
            return Err(Error::Missing { path: place.shown });
        }
        if wish.must_be_new && before.is_some() {
            return Err(Error::Exists { path: place.shown });
        }
        let Some(change) = &wish.change else {
            check_hash(
                &place,
                before.as_deref().unwrap_or_default(),
                wish.expected_hash.as_deref(),
            )?;
            return Ok(PlannedFile {
                path: place.shown,
                before,
                after: None,
                grades: Vec::new(),
            });
        };
        let applied = match &before {
            None => apply("", change).or_else(|error| {
                if matches!(change, Change::Whole(text) if text.is_empty()) {
                    Ok(empty())
                } else {
                    Err(error)
                }
            })?,
            Some(text) => self.change_text(&place, text, change, wish.expected_hash.as_deref())?,
        };
        let bytes = applied.content.len() as u64;
        if bytes > TEXT_BYTES_MAX {
            return Err(Error::TooLarge {
                path: place.shown,
                bytes,
                limit: TEXT_BYTES_MAX,
            });
        }
        if let Some(offset) = applied.content.bytes().position(|byte| byte == 0) {
            return Err(Error::Binary {
                path: place.shown,
                offset,
            });
        }
        Ok(PlannedFile {
            path: place.shown,
            before,
            after: Some(applied.content),
            grades: applied.grades,
        })
    }

    /// Applies a change to the present text, or to the version it was made for and merges.
    fn change_text(
        &self,
        place: &Place<'_>,
        present: &str,
        change: &Change,
        expected: Option<&str>,
    ) -> Result<Applied> {
        let stale = check_hash(place, present, expected).err();
        let direct = match (&stale, change) {
            // a whole text made from another version would undo what came since
            (Some(_), Change::Whole(_)) => None,
            _ => Some(apply(present, change)),
        };
        let error = match direct {
            Some(Ok(applied)) => return Ok(applied),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let base = match expected {
            Some(hash) => self.contents.get(hash),
            None => self.contents.last_seen(&place.shown),
        };
        let merged = base
            .filter(|base| base != present)
            .and_then(|base| {
                apply(&base, change)
                    .ok()
                    .and_then(|applied| three_way(&base, present, &applied.content))
            })
            .filter(|merged| merged != present);
        match (merged, error.or(stale)) {
            (Some(content), _) => Ok(Applied {
                content,
                grades: vec![Grade::Merged],
            }),
            (None, Some(error)) => Err(error),
            (None, None) => apply(present, change),
        }
    }
}

fn empty() -> Applied {
    Applied {
        content: String::new(),
        grades: vec![Grade::Exact],
    }
}

fn check_hash(place: &Place<'_>, present: &str, expected: Option<&str>) -> Result<()> {
    let actual = crate::digest::content_hash(present);
    match expected {
        Some(expected) if expected != actual => Err(Error::Stale {
            path: place.shown.clone(),
            expected: expected.to_owned(),
            actual,
        }),
        _ => Ok(()),
    }
}

fn write_wish(wanted: WriteFile) -> (Vec<Wish>, bool) {
    let wish = Wish {
        path: wanted.path,
        change: Some(Change::Whole(wanted.content)),
        must_exist: wanted.expected_hash.is_some(),
        expected_hash: wanted.expected_hash,
        must_be_new: false,
    };
    (vec![wish], wanted.verify.unwrap_or(true))
}

fn edit_wish(wanted: EditFile) -> Result<(Vec<Wish>, bool)> {
    let verify = wanted.verify.unwrap_or(true);
    let wrong = |reason: &str| Error::Arguments {
        tool: "edit_file".into(),
        reason: reason.into(),
    };
    let (change, is_new) = match (wanted.edits, wanted.patch) {
        (Some(edits), None) => (Change::Replace(edits), false),
        (None, Some(patch)) => one_file_change(&wanted.path, &patch)?,
        _ => return Err(wrong("give either `edits` or `patch`")),
    };
    let wish = Wish {
        path: wanted.path,
        change: Some(change),
        expected_hash: wanted.expected_hash,
        must_exist: !is_new,
        must_be_new: is_new,
    };
    Ok((vec![wish], verify))
}

fn one_file_change(path: &str, patch: &str) -> Result<(Change, bool)> {
    let wrong = |reason: String| Error::Arguments {
        tool: "edit_file".into(),
        reason,
    };
    let mut edits = parse_patch(patch)?;
    let edit = edits.remove(0);
    if !edits.is_empty() {
        return Err(wrong(
            "the patch names several files; use edit_files".into(),
        ));
    }
    if !edit.path.is_empty() && edit.path.trim_start_matches("./") != path.trim_start_matches("./")
    {
        return Err(wrong(format!(
            "the patch is for `{}`, the call for `{path}`",
            edit.path
        )));
    }
    let is_new = matches!(edit.kind, FileEditKind::Create(_));
    let change = edit.kind.into_change();
    Ok((
        change.ok_or_else(|| wrong("deleting is done with edit_files".into()))?,
        is_new,
    ))
}

fn edit_wishes(wanted: EditFiles) -> Result<(Vec<Wish>, bool)> {
    let wrong = |reason: String| Error::Arguments {
        tool: "edit_files".into(),
        reason,
    };
    let wishes: Vec<Wish> = match (wanted.files, wanted.patch) {
        (Some(files), None) => files.into_iter().map(file_wish).collect::<Result<_>>()?,
        (None, Some(patch)) => parse_patch(&patch)?
            .into_iter()
            .map(|edit| {
                let is_new = matches!(edit.kind, FileEditKind::Create(_));
                Wish {
                    path: edit.path,
                    change: edit.kind.into_change(),
                    expected_hash: None,
                    must_exist: !is_new,
                    must_be_new: is_new,
                }
            })
            .collect(),
        _ => return Err(wrong("give either `files` or `patch`".into())),
    };
    if wishes.is_empty() || wishes.len() > FILES_MAX {
        return Err(wrong(format!(
            "{} files are named; 1 to {FILES_MAX} are possible",
            wishes.len()
        )));
    }
    Ok((wishes, wanted.verify.unwrap_or(true)))
}

fn file_wish(file: FileChangeArguments) -> Result<Wish> {
    let (change, must_exist): (Option<Vec<Replacement>>, bool) =
        (file.edits, file.content.is_none());
    let change = match (change, file.content, file.delete) {
        (Some(edits), None, false) => Some(Change::Replace(edits)),
        (None, Some(content), false) => Some(Change::Whole(content)),
        (None, None, true) => None,
        _ => {
            return Err(Error::Arguments {
                tool: "edit_files".into(),
                reason: format!(
                    "`{}` needs exactly one of `edits`, `content` and `delete`",
                    file.path
                ),
            });
        }
    };
    Ok(Wish {
        path: file.path,
        change,
        expected_hash: file.expected_hash,
        must_exist,
        must_be_new: false,
    })
}

fn unusable(call: &ToolCall, reason: String) -> Error {
    Error::Arguments {
        tool: call.name.clone(),
        reason,
    }
}
