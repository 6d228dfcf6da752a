//! `aiex ask TEXT`

use crate::args::Ask;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::session_json::Task;
use crate::turn::{self, Order, Where};
use aiex_proto::code::ErrorCode;
use std::io::Read as _;

/// Most bytes of a question.
const TEXT_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(invocation: &Invocation, args: Ask) -> Result<Exit, Error> {
    let text = question(&args.text)?;
    let goes_on = args.r#continue || invocation.global.session.is_some();
    let place = if goes_on {
        Where::Session(invocation.session_id(None)?)
    } else {
        Where::New
    };
    let order = Order {
        task: Task::Ask { text },
        place,
        model: args.turn.model,
        change: args.change,
    };
    turn::run(invocation, order)
}

fn question(words: &[String]) -> Result<String, Error> {
    let text = if words == ["-"] {
        read_stdin()?
    } else {
        words.join(" ")
    };
    if text.trim().is_empty() {
        return Err(Error::usage(
            "the question is empty",
            "aiex ask \"why does Shop.Cart block?\"",
        ));
    }
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(Error::refused(
            ErrorCode::LimitReached,
            format!("the question is longer than {TEXT_BYTES_MAX} bytes"),
            "name files instead of quoting them",
        ));
    }
    Ok(text)
}

fn read_stdin() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin()
        .take(TEXT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| {
            Error::usage(format!("stdin cannot be read: {error}"), "pipe UTF-8 text")
        })?;
    Ok(text)
}
