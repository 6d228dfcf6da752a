//! What the node says to the person who started it; everything later goes to the log.

/// Prints a result on stdout.
#[allow(
    clippy::print_stdout,
    reason = "what a person asked this command to print"
)]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints on stderr why nothing came of it, and what to do; no hint when it is empty.
#[allow(clippy::print_stderr, reason = "logging is not installed yet, or gone")]
pub(crate) fn report(message: &str, hint: &str) {
    eprintln!("aiex-node: {message}");
    if !hint.is_empty() {
        eprintln!("hint: {hint}");
    }
}
