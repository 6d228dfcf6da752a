//! Which calls a person is asked about before they run.

use aiex_tools::Effect;

/// True for tools that change the user's files or run a command of the model's choice there.
///
/// Reading, searching and trying tests in a throw-away copy need nobody's word. An unknown tool does: it is
/// refused by the executor anyway, and asking is the safe side.
pub(crate) fn needs_approval(tool: &str) -> bool {
    const HARMLESS_EXECUTION: [&str; 2] = ["run_tests", "verify"];
    if HARMLESS_EXECUTION.contains(&tool) {
        return false;
    }
    aiex_tools::specs()
        .into_iter()
        .find(|spec| spec.name == tool)
        .is_none_or(|spec| spec.effect != Effect::Read)
}
