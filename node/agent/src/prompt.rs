//! What a model is asked: template, tools, rules, conversation and the code that may matter, within a budget.
//!
//! Deterministic in the session's state and the workspace: a repeated call sends the same bytes.

use crate::agent::Dependencies;
use crate::session_actor::ModelFailure;
use aiex_context::{AssembleInput, Assembled, Budget, ProjectIndex, Rules, Tokenizer, assemble};
use aiex_llm::{ModelRequest, OFFLINE, PromptContext, Templates, ToolSpec};
use aiex_session::{Message, State, Task};
use std::sync::Arc;

/// Pieces of code that are looked for.
const CODE_HITS_MAX: usize = 24;

/// A request ready to be sent, with what is recorded about it.
pub(crate) struct Prepared {
    pub(crate) request: ModelRequest,
    pub(crate) prompt_tokens: u64,
    /// BLAKE3 of system, tools and messages, lower-case hex.
    pub(crate) digest: String,
}

/// What one call is made from.
pub(crate) struct Call {
    pub(crate) call_id: String,
    pub(crate) model: String,
    pub(crate) task: Task,
    pub(crate) workspace_id: String,
    pub(crate) messages: Vec<Message>,
    /// Index in `messages` of the running turn's prompt.
    pub(crate) turn_begins: usize,
    pub(crate) project: String,
}

impl Call {
    /// The call the running turn makes next; `None` when no turn runs.
    pub(crate) fn of_turn(state: &State, call_id: String) -> Option<Self> {
        let turn = state.turn.as_ref()?;
        Some(Self {
            call_id,
            model: turn.model.clone(),
            task: turn.task.clone(),
            workspace_id: turn.workspace_id.clone(),
            messages: state.messages.clone(),
            turn_begins: turn.first_message,
            project: state.project.clone(),
        })
    }
}

/// Assembles a call. Blocks: it may build an index and counts tokens.
pub(crate) fn prepare(dependencies: &Dependencies, call: Call) -> Result<Prepared, ModelFailure> {
    if call.model == OFFLINE {
        return Ok(for_offline(dependencies, call));
    }
    let tools = tool_specs(&call.task);
    let assembled = assembled(dependencies, &call, &tools)?;
    let request = ModelRequest {
        model: call.model,
        system: assembled.system,
        messages: assembled.messages,
        tools,
        output_tokens_max: dependencies.config.output_tokens_max,
        temperature: None,
        call_id: call.call_id,
        task: call.task,
        workspace_id: call.workspace_id,
    };
    Ok(Prepared {
        prompt_tokens: u64::from(assembled.total_tokens),
        digest: digest(&request),
        request,
    })
}

/// Puts the prompt of a call together, item by item.
pub(crate) fn assembled(
    dependencies: &Dependencies,
    call: &Call,
    tools: &[ToolSpec],
) -> Result<Assembled, ModelFailure> {
    let index = workspace(dependencies, &call.workspace_id)?;
    let system = system_prompt(&dependencies.templates, call)?;
    let shown: Vec<String> = tools.iter().map(shown).collect();
    let rules = index.as_ref().and_then(|index| index.rules());
    let code = index.as_ref().map_or_else(Vec::new, |index| {
        let hits = index.search(&question(&call.task), CODE_HITS_MAX);
        index.code_pieces(&hits)
    });
    let input = AssembleInput {
        system: &system,
        tools: &shown,
        rules: rules.as_ref().map(|(source, text)| Rules { source, text }),
        transcript: &call.messages,
        turn_begins: call.turn_begins,
        code: &code,
        budget: Budget::new(dependencies.config.prompt_tokens_max),
    };
    let tokenizer = Tokenizer::o200k().map_err(context_failure)?;
    assemble(tokenizer, &input).map_err(context_failure)
}

/// The tools a model may call for a task, in a stable order.
pub(crate) fn tool_specs(task: &Task) -> Vec<ToolSpec> {
    let read_only = matches!(task, Task::Explain { .. });
    aiex_tools::specs()
        .into_iter()
        .filter(|spec| !read_only || spec.effect == aiex_tools::Effect::Read)
        .map(|spec| ToolSpec {
            name: spec.name.to_owned(),
            description: spec.description.to_owned(),
            input_schema: spec.input_schema,
        })
        .collect()
}

/// The engine reads the task and the turn's own transcript; it has no window to fit.
fn for_offline(dependencies: &Dependencies, call: Call) -> Prepared {
    let messages = call
        .messages
        .get(call.turn_begins..)
        .unwrap_or_default()
        .to_vec();
    let request = ModelRequest {
        model: call.model,
        system: String::new(),
        messages,
        tools: Vec::new(),
        output_tokens_max: dependencies.config.output_tokens_max,
        temperature: None,
        call_id: call.call_id,
        task: call.task,
        workspace_id: call.workspace_id,
    };
    Prepared {
        prompt_tokens: 0,
        digest: digest(&request),
        request,
    }
}

/// `None` for a session without a project: a model can still be asked.
fn workspace(
    dependencies: &Dependencies,
    workspace_id: &str,
) -> Result<Option<Arc<ProjectIndex>>, ModelFailure> {
    if workspace_id.is_empty() {
        return Ok(None);
    }
    let index = dependencies.workspaces.index(workspace_id);
    index.map(Some).map_err(context_failure)
}

fn system_prompt(templates: &Templates, call: &Call) -> Result<String, ModelFailure> {
    let Some(name) = Templates::name_for(&call.task) else {
        return Ok(String::new());
    };
    let (target, description) = match &call.task {
        Task::Explain { target } | Task::CreateTests { target, .. } => {
            (target.clone(), String::new())
        }
        Task::RenameFunction {
            target, new_name, ..
        } => (target.clone(), format!("rename to {new_name}")),
        Task::CreateModule {
            name,
            kind,
            description,
            ..
        } => (name.clone(), format!("{kind}: {description}")),
        Task::Ask { .. } | Task::Undo { .. } => (String::new(), String::new()),
    };
    let context = PromptContext {
        project: call.project.clone(),
        target,
        description,
        may_edit: !matches!(call.task, Task::Explain { .. }),
        ..PromptContext::default()
    };
    templates
        .render(name, &context)
        .map_err(|error| ModelFailure {
            code: "internal".to_owned(),
            message: error.message,
            hint: error.hint,
            retryable: false,
        })
}

/// What the project is searched for.
fn question(task: &Task) -> String {
    match task {
        Task::Ask { text } => text.clone(),
        Task::Explain { target }
        | Task::CreateTests { target, .. }
        | Task::RenameFunction { target, .. } => target.clone(),
        Task::CreateModule {
            name, description, ..
        } => format!("{name} {description}"),
        Task::Undo { .. } => String::new(),
    }
}

fn shown(tool: &ToolSpec) -> String {
    format!("{} {} {}", tool.name, tool.description, tool.input_schema)
}

fn digest(request: &ModelRequest) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [request.model.as_str(), request.system.as_str()] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    for tool in &request.tools {
        hasher.update(shown(tool).as_bytes()).update(&[0]);
    }
    for message in &request.messages {
        // a message always encodes; an empty digest part would only hide a difference
        hasher
            .update(&serde_json::to_vec(message).unwrap_or_default())
            .update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

fn context_failure(error: aiex_context::Error) -> ModelFailure {
    use aiex_context::Error as E;
    let code = match &error {
        E::UnknownWorkspace { .. } => "not_found",
        E::BudgetTooSmall { .. }
        | E::ContentTooLarge { .. }
        | E::TooManyFiles { .. }
        | E::Full { .. } => "limit_reached",
        E::ContentMissing { .. } | E::HashMismatch | E::PathRefused { .. } | E::NoPrompt { .. } => {
            "invalid_argument"
        }
        E::Tokenizer | E::File { .. } | E::Indexing { .. } => "internal",
    };
    ModelFailure {
        code: code.to_owned(),
        message: error.to_string(),
        hint: error.hint().to_owned(),
        retryable: false,
    }
}
