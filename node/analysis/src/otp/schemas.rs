//! Ecto schemas: source, fields and associations.

use super::routes::block_calls;
use super::{ModuleFacts, full_name, quote};
use crate::chunk::ChunkKind;
use crate::module::{FileAnalysis, ModuleInfo};
use crate::syntax::{
    SyntaxTree, alias_text, argument_nodes, call_name, kinds, line, slice, string_value, walk,
};
use serde::{Deserialize, Serialize};
use tree_sitter::Node;

/// `schema "source" do … end`, or an embedded schema without a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub source: Option<String>,
    pub fields: Vec<SchemaField>,
    pub line: u32,
}

/// One field or association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaField {
    /// `field`, `belongs_to`, `has_many`, `timestamps`, …
    pub kind: String,
    pub name: String,
    /// Type or full name of the associated schema; empty for `timestamps`.
    pub of: String,
    pub line: u32,
}

pub(super) fn gather(
    file: &FileAnalysis,
    module: &ModuleInfo,
    tree: &SyntaxTree,
    facts: &mut ModuleFacts,
) {
    for chunk in file
        .chunks
        .iter()
        .filter(|chunk| chunk.module == module.name)
    {
        let is_schema = matches!(&chunk.kind, ChunkKind::Data { call } if call == "schema" || call == "embedded_schema");
        let Some(span) = chunk.spans.first().filter(|_| is_schema) else {
            continue;
        };
        let range = span.start_byte as usize..span.end_byte as usize;
        walk(tree.root(), |node| {
            let inside = range.start <= node.start_byte() && node.end_byte() <= range.end;
            if inside
                && matches!(
                    call_name(node, tree.text()),
                    Some("schema" | "embedded_schema")
                )
            {
                facts.schemas.push(schema(module, node, tree.text()));
                return false;
            }
            node.start_byte() < range.end && range.start < node.end_byte()
        });
    }
}

fn schema(module: &ModuleInfo, node: Node<'_>, text: &str) -> Schema {
    let source = argument_nodes(node)
        .first()
        .and_then(|source| string_value(*source, text));
    let fields = block_calls(node)
        .into_iter()
        .filter_map(|call| field(module, call, text))
        .collect();
    Schema {
        source,
        fields,
        line: line(node),
    }
}

fn field(module: &ModuleInfo, node: Node<'_>, text: &str) -> Option<SchemaField> {
    let kind = call_name(node, text)
        .or_else(|| (slice(node, text) == "timestamps").then_some("timestamps"))?;
    let known = matches!(
        kind,
        "field"
            | "belongs_to"
            | "has_one"
            | "has_many"
            | "many_to_many"
            | "embeds_one"
            | "embeds_many"
            | "timestamps"
    );
    if !known {
        return None;
    }
    let arguments = argument_nodes(node);
    let name = arguments
        .first()
        .map(|name| slice(*name, text).trim_start_matches(':').to_owned());
    let of = arguments.get(1).map(|of| {
        let written = slice(*of, text);
        if of.kind_id() == kinds().alias {
            full_name(module, &alias_text(written))
        } else {
            quote(written)
        }
    });
    let default = if kind == "field" { ":string" } else { "" };
    Some(SchemaField {
        kind: kind.to_owned(),
        name: if kind == "timestamps" {
            kind.to_owned()
        } else {
            name?
        },
        of: of.unwrap_or_else(|| default.to_owned()),
        line: line(node),
    })
}
