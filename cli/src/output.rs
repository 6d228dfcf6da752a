//! The only place that prints: results on stdout, everything else on stderr.
//!
//! Text that came from a model, a file or the network passes [`printable`] first, so that it cannot drive the
//! terminal. A reader that goes away ends the program normally.

use crate::environment::Environment;
use crate::error::Error;
use crate::theme::Theme;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};
use std::time::Duration;

/// How and where this run prints.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    quiet: bool,
    /// Styles for stdout.
    pub(crate) theme: Theme,
    /// Styles for stderr.
    pub(crate) side_theme: Theme,
    /// True when a person watches both streams: text may be shown as it arrives.
    pub(crate) live: bool,
    /// True when a spinner may be shown at all.
    spins: bool,
    /// The spinner while something is going on; ends with [`Output::rest`].
    spinner: RefCell<Option<ProgressBar>>,
}

impl Output {
    pub(crate) fn new(environment: &Environment, json: bool, quiet: bool, no_color: bool) -> Self {
        let color = !no_color && !environment.no_color;
        Self {
            json,
            quiet,
            theme: Theme {
                enabled: color && environment.stdout_is_terminal && !json,
            },
            side_theme: Theme {
                enabled: color && environment.stderr_is_terminal,
            },
            live: environment.stdout_is_terminal && environment.stderr_is_terminal && !json,
            spins: environment.stderr_is_terminal && !quiet && !json,
            spinner: RefCell::new(None),
        }
    }

    /// Prints a result, with a newline if it has none.
    pub(crate) fn result(&self, text: &str) -> Result<(), Error> {
        let newline = if text.ends_with('\n') || text.is_empty() {
            ""
        } else {
            "\n"
        };
        self.aside(|| write_out(&[text.as_bytes(), newline.as_bytes()]))
    }

    /// Prints a piece of a result as it is.
    pub(crate) fn piece(&self, bytes: &[u8]) -> Result<(), Error> {
        self.aside(|| write_out(&[bytes]))
    }

    /// Prints one JSON document, or one line of a stream of them.
    pub(crate) fn document<T: Serialize>(&self, value: &T) -> Result<(), Error> {
        let text =
            serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))?;
        self.result(&text)
    }

    /// Prints `value` as JSON when asked for, else the text that `human` builds.
    pub(crate) fn either<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(Theme) -> String,
    ) -> Result<(), Error> {
        if self.json {
            self.document(value)
        } else {
            self.result(&human(self.theme))
        }
    }

    /// Tells the person something on stderr; silent with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.aside(|| write_err(text));
        }
    }

    /// Warns on stderr, also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        let label = self.side_theme.warning("warning");
        self.aside(|| write_err(&format!("{label}: {text}")));
    }

    /// Asks on stderr, without a newline.
    pub(crate) fn question(&self, text: &str) {
        self.rest();
        let mut stderr = io::stderr().lock();
        let _unwatched = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Shows what is going on, on a terminal only.
    pub(crate) fn progress(&self, text: &str) {
        if self.spins {
            let mut spinner = self.spinner.borrow_mut();
            spinner
                .get_or_insert_with(new_spinner)
                .set_message(printable(text).into_owned());
        }
    }

    /// Takes the progress away until the next [`Output::progress`].
    pub(crate) fn rest(&self) {
        if let Some(spinner) = self.spinner.borrow_mut().take() {
            spinner.finish_and_clear();
        }
    }

    /// Prints the error: a message and a hint on stderr; with `--json` also one object on stdout.
    pub(crate) fn error(&self, error: &Error) {
        if matches!(error, Error::BrokenPipe) {
            return;
        }
        let label = self.side_theme.bad(&format!("error[{}]", error.code()));
        let mut text = format!("{label}: {}", printable(&error.to_string()));
        if !error.hint().is_empty() {
            text.push_str(&format!(
                "\n{}: {}",
                self.side_theme.place("hint"),
                printable(error.hint())
            ));
        }
        self.aside(|| write_err(&text));
        if self.json {
            let object = serde_json::json!({"error": {
                "code": error.code(), "message": error.to_string(), "hint": error.hint(),
            }});
            let _reader_may_be_gone = self.document(&object);
        }
    }

    /// Writes while the spinner stands aside.
    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &*self.spinner.borrow() {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.rest();
    }
}

/// Removes what could drive a terminal: control characters except newline and tab.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let drives = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(drives) {
        Cow::Owned(text.replace("\r\n", "\n").replace(drives, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// Prints on stdout before there is an [`Output`]: help and versions.
pub(crate) fn plain_out(text: &str) {
    let _reader_may_be_gone = write_out(&[text.as_bytes()]);
}

/// Prints on stderr before there is an [`Output`]: what is wrong with the command line.
pub(crate) fn plain_err(text: &str) {
    write_err(text);
}

fn new_spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner();
    spinner.set_style(style);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn write_out(parts: &[&[u8]]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    let written = parts
        .iter()
        .try_for_each(|part| stdout.write_all(part))
        .and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Error::BrokenPipe,
        _ => Error::internal(format!("cannot write to stdout: {error}")),
    })
}

fn write_err(text: &str) {
    let mut stderr = io::stderr().lock();
    let _unwatched = writeln!(stderr, "{}", text.trim_end_matches('\n'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(
            printable("a\u{1b}]0;owned\u{7}b\u{9b}2J\r\nc\td"),
            "a]0;ownedb2J\nc\td"
        );
        assert!(matches!(printable("plain\ttext\n"), Cow::Borrowed(_)));
    }
}
