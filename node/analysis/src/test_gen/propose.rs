//! From a module to proposed tests and candidate calls.

use super::effects::{Verdict, judge};
use super::examples::{Finder, documented};
use super::parameters::{Inputs, Signature};
use super::relations::{Relation, relations};
use super::render::body;
use super::{
    CandidateCall, Expect, MAX_CALLS_PER_FUNCTION, MAX_FUNCTIONS, Origin, Plan, ProposedTest,
    Purpose, Skipped, TestProposal, doctest, header,
};
use crate::chunk::{Chunk, ChunkKind, Doc, FunctionKind};
use crate::error::Error;
use crate::graph::CodeGraph;
use crate::literal::Literal;
use crate::module::{ModuleForm, ModuleInfo};
use crate::project_types::ProjectTypes;
use crate::sources::SourceText;
use crate::typespec::assertions;

/// Proposes tests for the public functions of a module.
///
/// Functions that change the world, wait, or are callbacks of a behaviour get none; `skipped` says why.
///
/// # Errors
/// [`Error::UnknownModule`], [`Error::MissingSource`], [`Error::NothingToTest`] for protocols, implementations and modules
/// without public functions.
pub fn propose(
    graph: &CodeGraph,
    sources: &dyn SourceText,
    module: &str,
) -> Result<TestProposal, Error> {
    let Some((info, file)) = graph.module(module) else {
        let candidates = graph
            .resolve(module)
            .err()
            .map(|u| u.candidates)
            .unwrap_or_default();
        return Err(Error::UnknownModule {
            module: module.to_owned(),
            candidates,
        });
    };
    let text = sources
        .text(&file.path)
        .ok_or_else(|| Error::MissingSource {
            path: file.path.clone(),
        })?;
    let public: Vec<&Chunk> = graph
        .functions_of(module)
        .into_iter()
        .filter(|chunk| is_testable(chunk))
        .collect();
    if public.is_empty() || info.form != ModuleForm::Module {
        return Err(Error::NothingToTest {
            module: module.to_owned(),
        });
    }
    let mut proposer = Proposer {
        graph,
        info,
        text: &text,
        public: &public,
        finder: Finder::new(graph, sources),
        proposal: header::empty(graph, module, file),
    };
    proposer.module_doctest();
    for chunk in public.iter().take(MAX_FUNCTIONS) {
        proposer.function(chunk);
    }
    Ok(proposer.proposal)
}

fn is_testable(chunk: &Chunk) -> bool {
    let callable = matches!(
        chunk.kind,
        ChunkKind::Function {
            function: FunctionKind::Def | FunctionKind::Defdelegate
        }
    );
    callable
        && chunk.doc != Doc::Hidden
        && chunk
            .name
            .starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// Callbacks that only make sense inside the process or framework that calls them.
fn is_process_callback(name: &str) -> bool {
    let known = [
        "init",
        "terminate",
        "code_change",
        "start",
        "stop",
        "run",
        "mount",
        "render",
        "call",
        "perform",
        "update",
    ];
    name.starts_with("handle_") || known.contains(&name)
}

struct Proposer<'a> {
    graph: &'a CodeGraph,
    info: &'a ModuleInfo,
    text: &'a str,
    public: &'a [&'a Chunk],
    finder: Finder<'a>,
    proposal: TestProposal,
}

impl Proposer<'_> {
    fn function(&mut self, chunk: &Chunk) {
        let signature = Signature::read(self.info, chunk, self.text);
        let arity = signature.arity;
        let function = format!("{}/{arity}", chunk.name);
        if chunk.implements.is_some() && is_process_callback(&chunk.name) {
            self.skip(function, "a callback: its behaviour calls it".to_owned());
            return;
        }
        let verdict = judge(self.graph, &chunk.id);
        if let Verdict::Refused(reason) = verdict {
            self.skip(function, reason);
            return;
        }
        self.doctest(chunk, &function);
        let inputs = signature.inputs(self.info, &ProjectTypes { graph: self.graph });
        self.relations(chunk, arity, &function, &inputs);
        self.spec(chunk, &function, &inputs);
        if verdict == Verdict::Calm {
            self.records(chunk, arity, &function, &inputs);
        }
    }

    fn skip(&mut self, function: String, reason: String) {
        self.proposal.skipped.push(Skipped { function, reason });
    }

    fn module_doctest(&mut self) {
        if let Doc::Text(doc) = &self.info.doc
            && !doctest::examples(doc).is_empty()
        {
            let import = self.needs_import(doc);
            self.add_doctest(
                "moduledoc".to_owned(),
                Plan::Doctest {
                    name: "moduledoc".into(),
                    arity: None,
                    import,
                },
            );
        }
    }

    fn doctest(&mut self, chunk: &Chunk, function: &str) {
        let Doc::Text(doc) = &chunk.doc else { return };
        if doctest::examples(doc).is_empty() {
            return;
        }
        let plan = Plan::Doctest {
            name: chunk.name.clone(),
            arity: Some(chunk.arity.1),
            import: self.needs_import(doc),
        };
        self.add_doctest(function.to_owned(), plan);
    }

    /// Whether the examples call functions of the module without its name.
    fn needs_import(&self, doc: &str) -> bool {
        doctest::examples(doc).iter().any(|example| {
            self.public.iter().any(|chunk| {
                example
                    .expression
                    .match_indices(&chunk.name)
                    .any(|(at, name)| {
                        let before = example.expression[..at].chars().next_back();
                        let after = example.expression[at + name.len()..].chars().next();
                        let bare = before.is_none_or(|c| {
                            !(c == '.' || c == ':' || c == '_' || c.is_alphanumeric())
                        });
                        bare && after == Some('(')
                    })
            })
        })
    }

    fn add_doctest(&mut self, function: String, plan: Plan) {
        let id = format!("{function} doctest");
        self.proposal.calls.push(CandidateCall {
            id: format!("{id} compiles"),
            function: function.clone(),
            expression: String::new(),
            purpose: Purpose::Compile { test: id.clone() },
        });
        self.proposal.tests.push(ProposedTest {
            id,
            describe: function.clone(),
            name: "doctest".to_owned(),
            body: String::new(),
            origin: Origin::Doctest,
            function,
            plan,
        });
    }

    fn relations(&mut self, chunk: &Chunk, arity: u8, function: &str, inputs: &Inputs) {
        let (module, short) = (
            self.proposal.module.clone(),
            self.proposal.short_name().to_owned(),
        );
        for (number, relation) in relations(chunk, arity, self.public).into_iter().enumerate() {
            if let Relation::UndoneBy(other) | Relation::Agrees(other) = &relation
                && !self.is_calm(other, arity)
            {
                continue;
            }
            let variables = inputs.names.join(", ");
            let own =
                |module: &str, arguments: &str| format!("{module}.{}({arguments})", chunk.name);
            let (name, assertion) = match &relation {
                Relation::UndoneBy(other) => (
                    format!("is undone by {other}/1"),
                    format!(
                        "{short}.{other}({}) == {variables}",
                        own(&short, &variables)
                    ),
                ),
                Relation::Idempotent => (
                    "changes nothing when applied twice".to_owned(),
                    format!(
                        "{} == {}",
                        own(&short, &own(&short, &variables)),
                        own(&short, &variables)
                    ),
                ),
                Relation::Agrees(plain) => (
                    format!("agrees with {plain}/{arity}"),
                    format!(
                        "{short}.{plain}({variables}) == {{:ok, {}}}",
                        own(&short, &variables)
                    ),
                ),
            };
            let id = format!("{function} relation {}", number + 1);
            for (row, values) in inputs.rows.iter().enumerate() {
                let arguments = join(values);
                let (expression, expect) = match &relation {
                    Relation::UndoneBy(other) => (
                        format!("{module}.{other}({})", own(&module, &arguments)),
                        Expect::Value { text: arguments },
                    ),
                    Relation::Idempotent => {
                        let once = own(&module, &arguments);
                        (format!("{} == {once}", own(&module, &once)), Expect::True)
                    }
                    Relation::Agrees(plain) => {
                        let bang = own(&module, &arguments);
                        (
                            format!("{module}.{plain}({arguments}) == {{:ok, {bang}}}"),
                            Expect::True,
                        )
                    }
                };
                self.add_row(&id, function, row, expression, expect);
            }
            let plan = looped(&module, inputs, String::new(), vec![vec![assertion]]);
            self.add_test(id, function, name, Origin::Relation, plan);
        }
    }

    fn is_calm(&self, name: &str, arity: u8) -> bool {
        let chunk = self.graph.function(&self.info.name, name, arity);
        chunk.is_some_and(|chunk| !matches!(judge(self.graph, &chunk.id), Verdict::Refused(_)))
    }

    fn spec(&mut self, chunk: &Chunk, function: &str, inputs: &Inputs) {
        let Some(spec) = &inputs.spec else { return };
        let types = ProjectTypes { graph: self.graph };
        let checks = assertions(&spec.result, "result", &self.info.name, &types);
        let (full, short) = (&self.info.name, self.proposal.short_name());
        let local = |check: String| {
            check
                .replace(&format!("%{full}{{"), &format!("%{short}{{"))
                .replace(&format!(", {full})"), &format!(", {short})"))
        };
        let checks: Vec<Vec<String>> = checks
            .into_iter()
            .map(|any| any.into_iter().map(local).collect())
            .collect();
        if checks.is_empty() {
            return;
        }
        let id = format!("{function} spec");
        for (row, values) in inputs.rows.iter().enumerate() {
            let expression = format!("{}.{}({})", self.info.name, chunk.name, join(values));
            self.add_row(&id, function, row, expression, Expect::Anything);
        }
        let call = format!(
            "{}.{}({})",
            self.proposal.short_name(),
            chunk.name,
            inputs.names.join(", ")
        );
        let plan = looped(&self.info.name, inputs, call, checks);
        self.add_test(
            id,
            function,
            "gives what its spec says".to_owned(),
            Origin::Spec,
            plan,
        );
    }

    /// Calls whose value is recorded: those the project makes first, then made-up ones.
    fn records(&mut self, chunk: &Chunk, arity: u8, function: &str, inputs: &Inputs) {
        let mut rows: Vec<(Vec<Literal>, Origin)> = Vec::new();
        let mut known: Vec<Vec<Literal>> = documented(chunk, arity);
        for found in self.finder.calls(chunk, arity) {
            if found.in_test {
                known.push(found.arguments);
            } else if !rows.iter().any(|(row, _)| *row == found.arguments) {
                rows.push((found.arguments, Origin::Literal));
            }
        }
        for row in &inputs.rows {
            if !rows.iter().any(|(other, _)| other == row) {
                rows.push((row.clone(), Origin::Characterisation));
            }
        }
        // What a test or an example shows already is not shown again.
        rows.retain(|(row, _)| !known.contains(row));
        for (number, (row, origin)) in rows.into_iter().take(MAX_CALLS_PER_FUNCTION).enumerate() {
            self.proposal.calls.push(CandidateCall {
                id: format!("{function} call {}", number + 1),
                function: function.to_owned(),
                expression: format!("{}.{}({})", self.info.name, chunk.name, join(&row)),
                purpose: Purpose::Record { origin },
            });
        }
    }

    fn add_row(
        &mut self,
        test: &str,
        function: &str,
        row: usize,
        expression: String,
        expect: Expect,
    ) {
        self.proposal.calls.push(CandidateCall {
            id: format!("{test} row {}", row + 1),
            function: function.to_owned(),
            expression,
            purpose: Purpose::Row {
                test: test.to_owned(),
                row,
                expect,
            },
        });
    }

    fn add_test(&mut self, id: String, function: &str, name: String, origin: Origin, plan: Plan) {
        let Some(body) = body(&plan) else {
            let prefix = format!("{id} row ");
            self.proposal
                .calls
                .retain(|call| !call.id.starts_with(&prefix));
            return;
        };
        let function = function.to_owned();
        self.proposal.tests.push(ProposedTest {
            id,
            describe: function.clone(),
            name,
            body,
            origin,
            function,
            plan,
        });
    }
}

fn looped(module: &str, inputs: &Inputs, call: String, assertions: Vec<Vec<String>>) -> Plan {
    let rows = inputs
        .rows
        .iter()
        .map(|row| row.iter().map(|v| v.aliased(module).to_string()).collect())
        .collect();
    Plan::Loop {
        parameters: inputs.names.clone(),
        rows,
        call,
        assertions,
    }
}

fn join(values: &[Literal]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
