//! `aiex create …`

use super::{ChangeOptions, TurnOptions};
use clap::{Args, Subcommand, ValueEnum};
use std::fmt;

/// Create a module, tests or a token
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Create {
    #[command(subcommand)]
    pub(crate) what: CreateWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreateWhat {
    Module(CreateModule),
    Tests(CreateTests),
    Token(CreateToken),
}

/// Write a new module and a first test for it
///
/// The file goes where Mix expects it (Shop.Cart in lib/shop/cart.ex). An existing file is not overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex create module Shop.Cart --kind genserver
  aiex create module Shop.Price --kind struct --description \"an amount and a currency\" --dry-run")]
pub(crate) struct CreateModule {
    /// Full name of the module
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What kind of module
    #[arg(long, value_enum, default_value_t = ModuleKind::Plain)]
    pub(crate) kind: ModuleKind,
    /// What it is for, in a sentence
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) description: String,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

/// The kinds of modules that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModuleKind {
    Plain,
    Genserver,
    Supervisor,
    Behaviour,
    Struct,
}

impl fmt::Display for ModuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Genserver => "genserver",
            Self::Supervisor => "supervisor",
            Self::Behaviour => "behaviour",
            Self::Struct => "struct",
        })
    }
}

/// Write ExUnit tests and keep those that pass
///
/// Every test is run with Mix in a copy of the project before it is offered. The report says what was kept, what
/// was dropped, and why.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex create tests Shop.Cart
  aiex create tests lib/shop/cart.ex --dry-run")]
pub(crate) struct CreateTests {
    /// Module (Shop.Cart) or file (lib/shop/cart.ex)
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) turn: TurnOptions,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

/// Create a token for a person or a program
///
/// The secret is printed once, on stdout, and stored nowhere in readable form.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  aiex create token --user ana --role developer --label laptop
  aiex create token --user ci --role viewer --expires-in 30d")]
pub(crate) struct CreateToken {
    /// Who the token is for; yourself if absent
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// What it may do; may be given several times
    #[arg(long = "role", value_name = "ROLE", value_parser = ["viewer", "developer", "lead", "operator", "auditor", "admin"], default_value = "developer")]
    pub(crate) roles: Vec<String>,
    /// Where it is used, for the list of tokens
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) label: String,
    /// How long it is valid: 90m, 12h, 30d; for ever if absent
    #[arg(long, value_name = "TIME", value_parser = lifetime_ms)]
    pub(crate) expires_in: Option<u64>,
}

/// Reads `90m`, `12h` or `30d` as milliseconds.
fn lifetime_ms(text: &str) -> Result<u64, String> {
    let unit = text.chars().last().unwrap_or(' ');
    let factor_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000_u64,
        _ => return Err("write a number and a unit: 90m, 12h, 30d".to_owned()),
    };
    let number = text.strip_suffix(unit).unwrap_or(text);
    number
        .parse::<u64>()
        .ok()
        .filter(|&number| number > 0)
        .and_then(|number| number.checked_mul(factor_ms))
        .ok_or_else(|| "write a number and a unit: 90m, 12h, 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::lifetime_ms;

    #[test]
    fn lifetimes_have_a_unit() {
        for (text, expected) in [
            ("90m", Some(5_400_000)),
            ("30d", Some(2_592_000_000)),
            ("12h", Some(43_200_000)),
        ] {
            assert_eq!(lifetime_ms(text).ok(), expected, "{text}");
        }
        for text in ["", "30", "d", "0d", "-1d", "9999999999999999d", "3 d", "3é"] {
            assert!(lifetime_ms(text).is_err(), "{text}");
        }
    }
}
