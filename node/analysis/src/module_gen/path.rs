//! Where a module belongs: `Macro.underscore` rules and the application its neighbours live in.

use super::Neighbour;
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};

/// Source and test path of a module.
pub(super) struct Place {
    pub(super) source: String,
    pub(super) test: String,
}

/// Gives the path of a module name as `Macro.underscore/1` does: `Shop.HTTPClient` → `shop/http_client`.
pub fn underscore(module: &str) -> String {
    module
        .split('.')
        .map(underscore_segment)
        .collect::<Vec<_>>()
        .join("/")
}

fn underscore_segment(segment: &str) -> String {
    let chars: Vec<char> = segment.chars().collect();
    let mut out = String::with_capacity(segment.len() + 4);
    let mut previous: Option<char> = None;
    for (at, &c) in chars.iter().enumerate() {
        if let Some(before) = previous
            && c.is_ascii_uppercase()
        {
            let next = chars.get(at + 1);
            let starts_word =
                next.is_some_and(|n| !n.is_ascii_uppercase() && !n.is_ascii_digit() && *n != '_');
            let after_lower = !before.is_ascii_uppercase() && before != '_';
            if starts_word || after_lower {
                out.push('_');
            }
        }
        out.push(c.to_ascii_lowercase());
        previous = Some(c);
    }
    out
}

pub(super) fn place(module: &str, neighbours: &[Neighbour]) -> Result<Place, Error> {
    let root = root(module, neighbours)?;
    let below = below_siblings(module, &root, neighbours).unwrap_or_else(|| underscore(module));
    let application = root.strip_suffix("lib/").unwrap_or("");
    Ok(Place {
        source: format!("{root}{below}.ex"),
        test: format!("{application}test/{below}_test.exs"),
    })
}

/// The directory in which most siblings stand: `EEx.Engine` is lib/eex/engine.ex, whatever the name underscores to.
fn below_siblings(module: &str, root: &str, neighbours: &[Neighbour]) -> Option<String> {
    let (parent, leaf) = module.rsplit_once('.')?;
    let mut directories: BTreeMap<&str, usize> = BTreeMap::new();
    for sibling in neighbours {
        let same_parent = sibling
            .module
            .rsplit_once('.')
            .is_some_and(|(above, name)| {
                above == parent
                    && sibling
                        .path
                        .ends_with(&format!("/{}.ex", underscore_segment(name)))
            });
        let below = sibling
            .path
            .strip_prefix(root)
            .and_then(|path| path.rsplit_once('/'));
        if let (true, Some((directory, _))) = (same_parent, below) {
            *directories.entry(directory).or_default() += 1;
        }
    }
    let (directory, _) = directories.into_iter().max_by_key(|(_, count)| *count)?;
    Some(format!("{directory}/{}", underscore_segment(leaf)))
}

/// The source root of the neighbour whose name shares most, ending in a slash.
fn root(module: &str, neighbours: &[Neighbour]) -> Result<String, Error> {
    let nearest = neighbours
        .iter()
        .filter_map(|n| Some((shared_segments(module, &n.module), root_of(n)?)))
        .filter(|(shared, _)| *shared > 0)
        .max_by(|(a, left), (b, right)| a.cmp(b).then_with(|| right.cmp(left)));
    if let Some((_, root)) = nearest {
        return Ok(root);
    }
    let roots: BTreeSet<String> = neighbours
        .iter()
        .filter_map(root_of)
        .filter(|root| root.ends_with("lib/"))
        .collect();
    let first = underscore(module.split('.').next().unwrap_or(module));
    // An application of an umbrella that has no module of this name space yet.
    if let Some(root) = roots.iter().find(|root| {
        root.strip_suffix("/lib/")
            .is_some_and(|app| app.ends_with(&format!("/{first}")))
    }) {
        return Ok(root.clone());
    }
    match roots.len() {
        0 => Ok("lib/".to_owned()),
        1 => Ok(roots.into_iter().next().unwrap_or_default()),
        _ if roots.contains("lib/") => Ok("lib/".to_owned()),
        _ => Err(Error::AmbiguousApplication {
            module: module.to_owned(),
            applications: roots
                .iter()
                .filter_map(|r| r.strip_suffix("/lib/"))
                .map(str::to_owned)
                .collect(),
        }),
    }
}

fn shared_segments(a: &str, b: &str) -> usize {
    a.split('.')
        .zip(b.split('.'))
        .take_while(|(x, y)| x == y)
        .count()
}

/// What stands before the mirrored path of a module, or before and with `lib/` when it is not mirrored.
fn root_of(neighbour: &Neighbour) -> Option<String> {
    let path = neighbour.path.strip_suffix(".ex")?;
    if let Some(root) = path.strip_suffix(&underscore(&neighbour.module))
        && (root.is_empty() || root.ends_with('/'))
    {
        return Some(root.to_owned());
    }
    if path.starts_with("lib/") {
        return Some("lib/".to_owned());
    }
    path.find("/lib/")
        .map(|at| path[..at + "/lib/".len()].to_owned())
}
