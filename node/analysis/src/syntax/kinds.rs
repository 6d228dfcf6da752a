//! The grammar's node kinds and fields as numbers, looked up once.

use super::language;
use std::num::NonZeroU16;
use std::sync::LazyLock;

macro_rules! kinds {
    (named { $($named:ident),* $(,)? } tokens { $($token:ident = $text:literal),* $(,)? } fields { $($field:ident),* $(,)? }) => {
        /// Ids of the node kinds this crate distinguishes; 0 never occurs in a tree.
        #[derive(Debug)]
        pub(crate) struct Kinds {
            $(pub(crate) $named: u16,)*
            $(pub(crate) $token: u16,)*
            $(pub(crate) $field: u16,)*
        }

        impl Kinds {
            fn load() -> Self {
                let language = language();
                Self {
                    $($named: language.id_for_node_kind(kinds!(@name $named), true),)*
                    $($token: language.id_for_node_kind($text, false),)*
                    $($field: language.field_id_for_name(kinds!(@field $field)).map_or(0, NonZeroU16::get),)*
                }
            }
        }
    };
    (@name $name:ident) => { stringify!($name) };
    (@field $name:ident) => { stringify!($name).trim_start_matches("field_") };
}

kinds! {
    named {
        alias, arguments, atom, binary_operator, block, body, boolean, call, charlist, comment, do_block, dot,
        anonymous_function, identifier, integer, keywords, list, map, nil, pair, sigil,
        stab_clause, string, tuple, unary_operator, else_block, rescue_block, catch_block, after_block, keyword,
    }
    tokens { pipe = "|>", ampersand = "&", open = "(", close = ")", comma = ",", semicolon = ";" }
    fields { field_target, field_left, field_right, field_operator, field_operand, field_key, field_value }
}

/// Returns the numbers for the linked grammar.
pub(crate) fn kinds() -> &'static Kinds {
    static KINDS: LazyLock<Kinds> = LazyLock::new(Kinds::load);
    &KINDS
}
