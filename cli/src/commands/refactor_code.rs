//! `aiex refactor code …`

use crate::args::RenameFunction;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::session_json::Task;
use crate::turn::{self, Order};

/// `refactor code rename-function Mod.old/2 new`
pub(super) fn rename_function(
    invocation: &Invocation,
    args: RenameFunction,
) -> Result<Exit, Error> {
    check_target(&args.target)?;
    check_function_name(&args.new_name)?;
    let order = Order {
        task: Task::RenameFunction {
            target: args.target,
            new_name: args.new_name,
            dry_run: args.change.dry_run,
        },
        place: invocation.place()?,
        model: args.turn.model,
        change: args.change,
    };
    turn::run(invocation, order)
}

/// `Mod.old/arity`.
fn check_target(target: &str) -> Result<(), Error> {
    let complete = target.rsplit_once('/').is_some_and(|(function, arity)| {
        arity.parse::<u8>().is_ok()
            && function.starts_with(|c: char| c.is_ascii_uppercase())
            && function
                .rsplit_once('.')
                .is_some_and(|(_, name)| is_function_name(name))
    });
    if complete {
        return Ok(());
    }
    Err(Error::usage(
        format!("'{target}' does not name one function"),
        "write module, function and arity: Shop.Cart.sum/1",
    ))
}

fn check_function_name(name: &str) -> Result<(), Error> {
    if is_function_name(name) {
        return Ok(());
    }
    Err(Error::usage(
        format!("'{name}' is not the name of a function"),
        "a name begins with a lower-case letter or _ and holds letters, digits and _; it may end in ? or !",
    ))
}

fn is_function_name(name: &str) -> bool {
    let stem = name.strip_suffix(['?', '!']).unwrap_or(name);
    stem.starts_with(|c: char| c.is_lowercase() || c == '_')
        && stem.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_names_are_those_of_elixir() {
        for good in ["Shop.Cart.sum/1", "A.valid?/0", "A.save!/2", "A._private/3"] {
            assert!(check_target(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sum/1",
            "Shop.Cart/1",
            "Shop.Cart.sum",
            "Shop.Cart.sum/x",
            "Shop.Cart.sum/300",
            "shop.sum/1",
        ] {
            assert!(check_target(bad).is_err(), "{bad}");
        }
        for bad in ["", "Total", "1st", "a-b", "a?b", "?", "a b"] {
            assert!(check_function_name(bad).is_err(), "{bad}");
        }
    }
}
