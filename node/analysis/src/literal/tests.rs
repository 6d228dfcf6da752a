//! Literals: what is read, how it is written.

use super::*;

fn check(source: &str, expected: &str) {
    let value = Literal::parse(source).unwrap_or_else(|| panic!("not a literal: {source}"));
    assert_eq!(value.to_string(), expected, "{source}");
    assert_eq!(
        Literal::parse(expected),
        Some(value),
        "{expected} reads back as something else"
    );
}

#[test]
fn reads_and_writes_every_kind() {
    check("1_0", "10");
    check("1234567", "1_234_567");
    check("-123456", "-123_456");
    check("0xFF", "255");
    check("?a", "97");
    check("1.5e3", "1.5e3");
    check(":ok", ":ok");
    check("nil", "nil");
    check(":\"a b\"", ":\"a b\"");
    check("Shop.Cart", "Shop.Cart");
    check("\"a\\n\\\"b\\\" \\u00e9\"", "\"a\\n\\\"b\\\" é\"");
    check("\"\\#{x}\"", "\"\\#{x}\"");
    check("'abc'", "~c\"abc\"");
    check("[1, a: 2]", "[1, {:a, 2}]");
    check("[a: 1, \"b c\": nil]", "[a: 1, \"b c\": nil]");
    check("{}", "{}");
    check("%{a: 1, b: [x: {1, 2}]}", "%{a: 1, b: [x: {1, 2}]}");
    check("%{\"a\" => 1, 2 => :b}", "%{\"a\" => 1, 2 => :b}");
    check(
        "%Shop.Item{price: 3, name: \"x\"}",
        "%Shop.Item{price: 3, name: \"x\"}",
    );
    check("1..3", "1..3");
    check("1..9//2", "1..9//2");
    check("~D[2020-02-29]", "~D[2020-02-29]");
    check("<<1, 255>>", "<<1, 255>>");
}

#[test]
fn refuses_what_is_no_value() {
    for source in [
        "x",
        "f(1)",
        "\"a#{b}\"",
        "[1, x]",
        "#PID<0.1.0>",
        "%{m | a: 1}",
        "1 + 2",
        "%_{}",
        "",
        "1\n2",
    ] {
        assert_eq!(Literal::parse(source), None, "{source}");
    }
}

#[test]
fn breaks_long_values_as_the_formatter_does() {
    let long = format!(
        "%{{name: {}, items: [{}]}}",
        quote(&"x".repeat(60)),
        vec!["100"; 30].join(", ")
    );
    let value = Literal::parse(&long).expect("a map");
    let shown = layout(&value, 4, 4, 0);
    assert!(shown.starts_with("%{\n      name: \"xxx"), "{shown}");
    assert!(
        shown.contains("\n      items: [\n        100,\n"),
        "{shown}"
    );
    assert!(shown.ends_with("      ]\n    }"), "{shown}");
}
