//! The named types of a project, for reading specs.

use crate::graph::CodeGraph;
use crate::module::ModuleInfo;
use crate::typespec::{Scope, Spec, Type, TypeSource};

/// Types looked up in a graph.
pub(crate) struct ProjectTypes<'a> {
    pub(crate) graph: &'a CodeGraph,
}

impl TypeSource for ProjectTypes<'_> {
    fn find(&self, module: &str, name: &str, arguments: &[Type]) -> Option<Type> {
        let (info, _) = self.graph.module(module)?;
        let found = info
            .types
            .iter()
            .find(|t| t.name == name && usize::from(t.arity) == arguments.len())?;
        let aliases = aliases(info);
        Type::parse_definition(
            &found.text,
            name,
            arguments,
            &Scope {
                module,
                aliases: &aliases,
            },
        )
    }

    fn bare_struct(&self, module: &str) -> bool {
        self.graph.module(module).is_some_and(|(info, _)| {
            info.struct_fields.is_some()
                && !info.attributes.iter().any(|a| a.name == "enforce_keys")
        })
    }
}

/// Reads the specs of a function in its module.
pub(crate) fn specs(info: &ModuleInfo, texts: &[String]) -> Vec<Spec> {
    let aliases = aliases(info);
    let scope = Scope {
        module: &info.name,
        aliases: &aliases,
    };
    texts
        .iter()
        .filter_map(|text| Spec::parse(text, &scope))
        .collect()
}

fn aliases(info: &ModuleInfo) -> Vec<(String, String)> {
    info.aliases
        .iter()
        .map(|alias| (alias.short.clone(), alias.full.clone()))
        .collect()
}
