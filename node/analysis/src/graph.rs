//! The code graph of a project: definitions, who calls whom, which tests reach what.
//!
//! Built from the analyses of single files, never from text; cheap enough to build again after each change.

mod resolution;
mod target;
mod words;

pub use target::{Target, Unresolved};

use crate::chunk::{Chunk, ChunkKind};
use crate::module::{Call, FileAnalysis, ModuleForm, ModuleInfo};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Calls between a test and what it is said to reach: longer chains prove nothing.
const MAX_REACH: u8 = 8;

/// How a call found its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The module is written.
    Remote,
    /// The same module.
    Local,
    /// By `import`.
    Import,
    /// By `defdelegate`.
    Delegate,
    /// From a protocol's function to its implementation; no text calls it.
    Protocol,
    /// `raise Mod`: the name is not written and the call's name range is empty.
    Exception,
    /// `use Mod` calls `Mod.__using__/1`; the name is not written.
    Use,
}

/// One call and the chunk it ends in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Edge {
    /// File the call stands in.
    pub path: String,
    pub call: Call,
    pub to_module: String,
    pub to_chunk: String,
    pub resolution: Resolution,
}

/// A test that reaches a function, over `distance` calls (1: it calls it itself).
#[derive(Debug, Clone, Copy)]
pub struct TestReach<'g> {
    pub test: &'g Chunk,
    pub path: &'g str,
    pub distance: u8,
}

/// Definitions and calls of a whole project.
#[derive(Debug, Default)]
pub struct CodeGraph {
    files: Vec<Arc<FileAnalysis>>,
    by_path: HashMap<String, usize>,
    /// File and index of each module; of several with one name the first file in order.
    modules: BTreeMap<String, (usize, usize)>,
    functions: HashMap<String, Vec<(usize, usize)>>,
    exceptions: HashMap<String, (usize, usize)>,
    chunks: HashMap<String, (usize, usize)>,
    calls: HashMap<String, Vec<(usize, usize)>>,
    edges: Vec<Edge>,
    incoming: HashMap<String, Vec<usize>>,
    outgoing: HashMap<String, Vec<usize>>,
}

impl CodeGraph {
    /// Builds the graph. Of two files with one path the later one counts.
    pub fn build(files: &[Arc<FileAnalysis>]) -> CodeGraph {
        let mut graph = CodeGraph::default();
        let mut by_path = BTreeMap::new();
        for file in files {
            by_path.insert(file.path.as_str(), file);
        }
        graph.files = by_path.into_values().cloned().collect();
        for index in 0..graph.files.len() {
            graph.define(index);
        }
        for index in 0..graph.files.len() {
            graph.connect(index);
        }
        graph.connect_protocols();
        graph
    }

    /// Returns all modules by name with their file.
    pub fn modules(&self) -> impl Iterator<Item = (&ModuleInfo, &FileAnalysis)> {
        self.modules
            .values()
            .map(|(file, module)| (&self.files[*file].modules[*module], &*self.files[*file]))
    }

    /// Returns all files in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = &FileAnalysis> {
        self.files.iter().map(|file| &**file)
    }

    /// Returns a module by its full name.
    pub fn module(&self, name: &str) -> Option<(&ModuleInfo, &FileAnalysis)> {
        let (file, module) = self.modules.get(name)?;
        Some((&self.files[*file].modules[*module], &self.files[*file]))
    }

    /// Returns the function group that `module.name/arity` calls, public or private.
    pub fn function(&self, module: &str, name: &str, arity: u8) -> Option<&Chunk> {
        let places = self.functions.get(module)?;
        places
            .iter()
            .map(|(file, chunk)| &self.files[*file].chunks[*chunk])
            .find(|chunk| accepts(chunk, name, arity))
    }

    /// Returns the function groups of a module in source order.
    pub fn functions_of(&self, module: &str) -> Vec<&Chunk> {
        let places = self
            .functions
            .get(module)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places
            .iter()
            .map(|(file, chunk)| &self.files[*file].chunks[*chunk])
            .collect()
    }

    /// Returns a chunk and its file by the chunk's id.
    pub fn chunk(&self, id: &str) -> Option<(&Chunk, &FileAnalysis)> {
        let (file, chunk) = self.chunks.get(id)?;
        Some((&self.files[*file].chunks[*chunk], &self.files[*file]))
    }

    /// Returns the smallest chunk that covers a line of a file.
    pub fn chunk_at(&self, path: &str, line: u32) -> Option<&Chunk> {
        let file = self.file(path)?;
        let covering = file.chunks.iter().filter_map(|chunk| {
            let span = chunk
                .spans
                .iter()
                .find(|span| (span.start_line..=span.end_line).contains(&line))?;
            Some((span.end_byte - span.start_byte, chunk))
        });
        covering
            .min_by_key(|(size, _)| *size)
            .map(|(_, chunk)| chunk)
    }

    /// Returns the calls of `module.name/arity` from anywhere, with protocol dispatch and delegates.
    pub fn callers(&self, module: &str, name: &str, arity: u8) -> Vec<&Edge> {
        let Some(chunk) = self.function(module, name, arity) else {
            return Vec::new();
        };
        self.incoming_of(&chunk.id).collect()
    }

    /// Returns the edges that end in a chunk.
    pub fn callers_of_chunk(&self, chunk_id: &str) -> Vec<&Edge> {
        self.incoming_of(chunk_id).collect()
    }

    /// Returns the edges that leave a chunk, in source order.
    pub fn callees(&self, chunk_id: &str) -> Vec<&Edge> {
        let indices = self
            .outgoing
            .get(chunk_id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        indices.iter().map(|index| &self.edges[*index]).collect()
    }

    /// Returns every call written in a chunk, also those that leave the project.
    pub fn calls_in(&self, chunk_id: &str) -> Vec<&Call> {
        let places = self
            .calls
            .get(chunk_id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places
            .iter()
            .map(|(file, call)| &self.files[*file].calls[*call])
            .collect()
    }

    /// Returns all edges.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Returns a file by its path.
    pub fn file(&self, path: &str) -> Option<&FileAnalysis> {
        self.by_path.get(path).map(|index| &*self.files[*index])
    }

    /// Returns the tests that reach a function within eight calls, nearest first; doctests count for documented examples.
    pub fn tests_reaching(&self, module: &str, name: &str, arity: u8) -> Vec<TestReach<'_>> {
        let Some(target) = self.function(module, name, arity) else {
            return Vec::new();
        };
        let mut reaches = self.doctests_of(module, target);
        let mut seen = HashSet::from([target.id.as_str()]);
        let mut queue = VecDeque::from([(target.id.as_str(), 0u8)]);
        while let Some((id, distance)) = queue.pop_front() {
            if distance >= MAX_REACH {
                continue;
            }
            for edge in self.incoming_of(id) {
                let from = edge.call.from_chunk.as_str();
                if from.is_empty() || !seen.insert(from) {
                    continue;
                }
                let Some((chunk, file)) = self.chunk(from) else {
                    continue;
                };
                match chunk.kind {
                    ChunkKind::Test { .. } => {
                        reaches.push(TestReach {
                            test: chunk,
                            path: &file.path,
                            distance: distance + 1,
                        });
                    }
                    _ => queue.push_back((from, distance + 1)),
                }
            }
        }
        reaches
    }

    /// Resolves what a person typed: a path, `path:line`, a module, `Mod.fun/1`, `Mod.fun`; a unique ending of a name will do.
    ///
    /// # Errors
    /// [`Unresolved`] with the nearest names, best first, when nothing or more than one thing fits.
    pub fn resolve(&self, target: &str) -> Result<Target, Unresolved> {
        target::resolve(self, target)
    }

    fn incoming_of(&self, id: &str) -> impl Iterator<Item = &Edge> {
        self.incoming
            .get(id)
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|index| &self.edges[*index])
    }

    fn doctests_of<'g>(&'g self, module: &str, target: &Chunk) -> Vec<TestReach<'g>> {
        let has_example =
            matches!(&target.doc, crate::chunk::Doc::Text(doc) if doc.contains("iex>"));
        let mut reaches = Vec::new();
        if !has_example {
            return reaches;
        }
        for file in self.files() {
            for chunk in &file.chunks {
                let is_doctest =
                    matches!(&chunk.kind, ChunkKind::Data { call } if call == "doctest");
                if is_doctest && resolution::doctest_covers(chunk, file, module) {
                    reaches.push(TestReach {
                        test: chunk,
                        path: &file.path,
                        distance: 1,
                    });
                }
            }
        }
        reaches
    }

    fn define(&mut self, index: usize) {
        let file = self.files[index].clone();
        self.by_path.insert(file.path.clone(), index);
        for (place, module) in file.modules.iter().enumerate() {
            self.modules
                .entry(module.name.clone())
                .or_insert((index, place));
        }
        for (place, chunk) in file.chunks.iter().enumerate() {
            self.chunks.insert(chunk.id.clone(), (index, place));
            match &chunk.kind {
                ChunkKind::Function { .. } => {
                    self.functions
                        .entry(chunk.module.clone())
                        .or_default()
                        .push((index, place));
                }
                ChunkKind::Data { call } if call == "defexception" => {
                    self.exceptions.insert(chunk.module.clone(), (index, place));
                }
                _ => {}
            }
        }
        for (place, call) in file.calls.iter().enumerate() {
            if !call.from_chunk.is_empty() {
                self.calls
                    .entry(call.from_chunk.clone())
                    .or_default()
                    .push((index, place));
            }
        }
    }

    fn add_edge(&mut self, edge: Edge) {
        let index = self.edges.len();
        self.incoming
            .entry(edge.to_chunk.clone())
            .or_default()
            .push(index);
        if !edge.call.from_chunk.is_empty() {
            self.outgoing
                .entry(edge.call.from_chunk.clone())
                .or_default()
                .push(index);
        }
        self.edges.push(edge);
    }

    fn implementations(&self) -> Vec<(String, String)> {
        let named = self.modules().filter_map(|(module, _)| match &module.form {
            ModuleForm::Implementation { protocol, .. } => {
                Some((protocol.clone(), module.name.clone()))
            }
            _ => None,
        });
        named.collect()
    }
}

/// Returns true when a call `name/arity` reaches this group.
pub(crate) fn accepts(chunk: &Chunk, name: &str, arity: u8) -> bool {
    chunk.name == name && (chunk.arity.0..=chunk.arity.1).contains(&arity)
}

#[cfg(test)]
mod tests;
