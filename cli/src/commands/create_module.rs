//! `aiex create module NAME --kind`

use crate::args::CreateModule;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::session_json::Task;
use crate::turn::{self, Order};

/// Most bytes of a module's name.
const NAME_BYTES_MAX: usize = 255;

pub(super) fn run(invocation: &Invocation, args: CreateModule) -> Result<Exit, Error> {
    check_module_name(&args.name)?;
    let order = Order {
        task: Task::CreateModule {
            name: args.name,
            kind: args.kind.to_string(),
            description: args.description,
            dry_run: args.change.dry_run,
        },
        place: invocation.place()?,
        model: args.turn.model,
        change: args.change,
    };
    turn::run(invocation, order)
}

/// A module's name is dotted, and each part begins with a capital letter.
fn check_module_name(name: &str) -> Result<(), Error> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.len() <= NAME_BYTES_MAX && name.split('.').all(part) {
        return Ok(());
    }
    Err(Error::usage(
        format!("'{name}' is not the name of a module"),
        "write it as in Elixir: Shop.Cart",
    ))
}

#[cfg(test)]
mod tests {
    use super::check_module_name;

    #[test]
    fn names_are_those_of_elixir() {
        for good in ["A", "Shop.Cart", "Shop.V2.Cart_Item"] {
            assert!(check_module_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "shop",
            "Shop.",
            ".Shop",
            "Shop.cart",
            "Shop Cart",
            "Shop/Cart",
            "Elixir..A",
            "../A",
        ] {
            assert!(check_module_name(bad).is_err(), "{bad}");
        }
    }
}
