//! From a call as written to the definition it means.

use super::{CodeGraph, Edge, Resolution};
use crate::chunk::{Chunk, ChunkKind, FunctionKind};
use crate::module::{Call, CallForm, FileAnalysis, ModuleInfo};

impl CodeGraph {
    /// Adds the edges of one file's calls.
    pub(super) fn connect(&mut self, index: usize) {
        let file = self.files[index].clone();
        for call in &file.calls {
            if let Some((to, resolution)) = self.destination(&file, call) {
                let edge = Edge {
                    path: file.path.clone(),
                    call: call.clone(),
                    to_module: to.module.clone(),
                    to_chunk: to.id.clone(),
                    resolution,
                };
                self.add_edge(edge);
            }
        }
        for module in &file.modules {
            self.connect_uses(&file, module);
        }
    }

    fn destination(&self, file: &FileAnalysis, call: &Call) -> Option<(&Chunk, Resolution)> {
        let Some(module) = &call.module else {
            return self.local_destination(file, call);
        };
        let delegates = call.form == CallForm::Delegate;
        if let Some(chunk) = self.visible(module, &call.from_module, &call.function, call.arity) {
            let resolution = if delegates {
                Resolution::Delegate
            } else if call.name_start_byte == call.name_end_byte {
                Resolution::Exception
            } else {
                Resolution::Remote
            };
            return Some((chunk, resolution));
        }
        if call.function == "exception" {
            let (file, chunk) = self.exceptions.get(module)?;
            return Some((&self.files[*file].chunks[*chunk], Resolution::Exception));
        }
        None
    }

    fn local_destination(&self, file: &FileAnalysis, call: &Call) -> Option<(&Chunk, Resolution)> {
        if let Some(chunk) = self.function(&call.from_module, &call.function, call.arity) {
            return Some((chunk, Resolution::Local));
        }
        let info = file
            .modules
            .iter()
            .find(|module| module.name == call.from_module)?;
        let imported = info
            .imports
            .iter()
            .filter(|import| admits(&import.options, &call.function, call.arity));
        imported
            .filter_map(|import| {
                self.visible(
                    &import.module,
                    &call.from_module,
                    &call.function,
                    call.arity,
                )
            })
            .next()
            .map(|chunk| (chunk, Resolution::Import))
    }

    /// Returns a function another module may call, or any of the caller's own.
    fn visible(&self, module: &str, from: &str, name: &str, arity: u8) -> Option<&Chunk> {
        self.function(module, name, arity)
            .filter(|chunk| module == from || is_public(chunk))
    }

    fn connect_uses(&mut self, file: &FileAnalysis, module: &ModuleInfo) {
        for used in &module.uses {
            let Some(to) = self.function(&used.module, "__using__", 1) else {
                continue;
            };
            let (to_module, to_chunk) = (to.module.clone(), to.id.clone());
            let call = Call {
                from_chunk: String::new(),
                from_module: module.name.clone(),
                module: Some(used.module.clone()),
                function: "__using__".to_owned(),
                arity: 1,
                name_start_byte: 0,
                name_end_byte: 0,
                line: used.line,
                form: CallForm::Plain,
            };
            self.add_edge(Edge {
                path: file.path.clone(),
                call,
                to_module,
                to_chunk,
                resolution: Resolution::Use,
            });
        }
    }

    /// A protocol's function leads to the same function of every implementation.
    pub(super) fn connect_protocols(&mut self) {
        for (protocol, implementation) in self.implementations() {
            let pairs: Vec<(String, Chunk)> = self
                .functions_of(&protocol)
                .into_iter()
                .filter_map(|declared| {
                    let own = self.function(&implementation, &declared.name, declared.arity.1)?;
                    Some((declared.id.clone(), own.clone()))
                })
                .collect();
            for (declared, own) in pairs {
                let Some((_, file)) = self.chunk(&declared) else {
                    continue;
                };
                let edge = dispatch(&file.path, &declared, &protocol, &own);
                self.add_edge(edge);
            }
        }
    }
}

fn dispatch(path: &str, declared: &str, protocol: &str, own: &Chunk) -> Edge {
    Edge {
        path: path.to_owned(),
        call: Call {
            from_chunk: declared.to_owned(),
            from_module: protocol.to_owned(),
            module: Some(own.module.clone()),
            function: own.name.clone(),
            arity: own.arity.1,
            name_start_byte: 0,
            name_end_byte: 0,
            line: 0,
            form: CallForm::Plain,
        },
        to_module: own.module.clone(),
        to_chunk: own.id.clone(),
        resolution: Resolution::Protocol,
    }
}

fn is_public(chunk: &Chunk) -> bool {
    matches!(chunk.kind, ChunkKind::Function { function } if FunctionKind::is_public(function))
}

/// Returns true when the options of an `import` (or `doctest`) let `name/arity` through.
pub(crate) fn admits(options: &str, name: &str, arity: u8) -> bool {
    if let Some(list) = option_list(options, "only:") {
        return lists(list, name, arity);
    }
    if let Some(list) = option_list(options, "except:") {
        return !lists(list, name, arity);
    }
    true
}

/// The bracketed list after a key; `None` also for `only: :macros`.
fn option_list<'s>(options: &'s str, key: &str) -> Option<&'s str> {
    let (_, after) = options.split_once(key)?;
    let after = after.trim_start().strip_prefix('[')?;
    after.split_once(']').map(|(list, _)| list)
}

fn lists(list: &str, name: &str, arity: u8) -> bool {
    list.split(',').any(|entry| {
        let Some((listed, number)) = entry.rsplit_once(':') else {
            return false;
        };
        listed.trim().trim_matches('"') == name && number.trim() == arity.to_string()
    })
}

/// Returns true when a `doctest` chunk runs the examples of a module.
pub(super) fn doctest_covers(chunk: &Chunk, file: &FileAnalysis, module: &str) -> bool {
    let Some((_, argument)) = chunk.name.split_once(' ') else {
        return false;
    };
    let is_name = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_');
    let written: String = argument.chars().take_while(is_name).collect();
    let info = file.modules.iter().find(|info| info.name == chunk.module);
    let full = info
        .and_then(|info| {
            info.aliases
                .iter()
                .rev()
                .find(|alias| alias.short == written)
        })
        .map_or(written.as_str(), |alias| alias.full.as_str());
    full == module
}
