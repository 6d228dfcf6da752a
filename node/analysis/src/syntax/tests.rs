//! The tree's questions on small texts.

use super::*;

fn first_string(text: &str) -> Option<String> {
    let tree = parse_tree(text).expect("a tree");
    let node = tree.root_node().named_child(0).expect("a statement");
    string_value(node, text)
}

#[test]
fn strings_have_their_value() {
    for (text, expected) in [
        (r#""a\nb""#, "a\nb"),
        (r#""\u00e9\x41 #{1 + x}""#, "éA #{1 + x}"),
        ("~S(a\\nb)", "a\\nb"),
        ("\"\"\"\n  one\n    two\n  \"\"\"", "one\n  two\n"),
        ("~s'''\n  one\n  '''", "one\n"),
        ("'list'", "list"),
    ] {
        assert_eq!(first_string(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(first_string("foo"), None);
}

#[test]
fn errors_say_where() {
    assert_eq!(syntax_errors("defmodule A do\nend\n"), vec![]);
    let errors = syntax_errors("defmodule A do\n  def x(, do: 1\nend\n");
    assert!(!errors.is_empty());
    assert!(errors.iter().any(|error| error.line == 2), "{errors:?}");
    assert!(!syntax_errors("foo(").is_empty());
}

#[test]
fn every_kind_and_field_exists_in_the_grammar() {
    let shown = format!("{:?}", kinds());
    assert!(
        !shown.contains(": 0,") && !shown.contains(": 0 "),
        "{shown}"
    );
}

#[test]
fn garbage_ends() {
    let text = "%{[(<<\"'".repeat(5_000);
    let _ = syntax_errors(&text);
    assert_eq!(parse(&"x\n".repeat(MAX_PARSED_BYTES)).text(), "");
}
