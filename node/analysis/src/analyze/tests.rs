//! Single files: identities, hashes and texts that want to break the walk.

use super::analyze_file;
use crate::chunk::Chunk;

fn chunk(text: &str, name: &str) -> Chunk {
    let file = analyze_file("lib/a.ex", text);
    let found = file.chunks.into_iter().find(|chunk| chunk.name == name);
    found.unwrap_or_else(|| panic!("{name} is in {text}"))
}

/// The two texts are the same code.
fn same(left: &str, right: &str) {
    let (left, right) = (chunk(left, "f"), chunk(right, "f"));
    assert_eq!(left.id, right.id);
    assert_eq!(left.body_hash, right.body_hash);
}

fn different(left: &str, right: &str) {
    assert_ne!(
        chunk(left, "f").body_hash,
        chunk(right, "f").body_hash,
        "{left} / {right}"
    );
}

#[test]
fn layout_and_comments_do_not_count() {
    same(
        "defmodule A do\n  def f(a,b), do: g a, [1000, b]\nend",
        "defmodule A do\n  # why\n  def f(\n        a,\n        b\n      ),\n      do: g(a, [1_000, b]) # how\nend",
    );
    same(
        "defmodule A do def f do a(); b() end end",
        "defmodule A do\n  def f do\n    a()\n    b()\n  end\nend",
    );
}

#[test]
fn content_counts() {
    different(
        "defmodule A do\n  def f(a), do: a\nend",
        "defmodule A do\n  def f(a), do: -a\nend",
    );
    different(
        "defmodule A do\n  def f, do: g(a, h(b))\nend",
        "defmodule A do\n  def f, do: g(a, h(), b)\nend",
    );
    different(
        "defmodule A do\n  def f, do: \"a b\"\nend",
        "defmodule A do\n  def f, do: \"a  b\"\nend",
    );
    different(
        "defmodule A do\n  @doc \"x\"\n  def f, do: 1\nend",
        "defmodule A do\n  @doc \"y\"\n  def f, do: 1\nend",
    );
}

#[test]
fn identity_ignores_place_and_defaults() {
    let early = chunk(
        "defmodule A do\n  def f(a, b \\\\ 1), do: a + b\n  def g, do: 1\nend",
        "f",
    );
    let late = chunk(
        "defmodule A do\n  def g, do: 1\n\n\n  def f(a, b), do: a + b\nend",
        "f",
    );
    assert_eq!(early.id, late.id);
    assert_eq!((early.arity, late.arity), ((1, 2), (2, 2)));
}

#[test]
fn odd_heads_have_their_names() {
    for (head, name, arity) in [
        ("def a +++ b", "+++", 2),
        ("def -a", "-", 1),
        ("def left..right//step", "..//", 3),
        ("def (a <> b)", "<>", 2),
        ("defmacro a in b", "in", 2),
        ("def f?(x) when x > 1 when x < 0", "f?", 1),
        ("defmacrop sigil_x(a, _)", "sigil_x", 2),
    ] {
        let found = chunk(&format!("defmodule A do\n  {head}, do: 1\nend"), name);
        assert_eq!(found.arity.1, arity, "{head}");
    }
}

#[test]
fn a_head_may_go_without_parentheses() {
    assert_eq!(
        chunk(
            "defmodule A do\n  def f a, b do\n    a + b\n  end\nend",
            "f"
        )
        .arity,
        (2, 2)
    );
}

#[test]
fn hostile_texts_end() {
    let deep = 20_000;
    for text in [
        "(".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "defmodule A do\n".repeat(2_000),
        "defmodule A do\n".repeat(500) + &"end\n".repeat(500),
        format!("defmodule A do\n@x __MODULE__{}\nend", ".A".repeat(deep)),
        format!("x{}", ".A".repeat(deep)),
        format!(
            "defmodule A do\ndef {}a{}, do: 1\nend",
            "(".repeat(deep),
            ")".repeat(deep)
        ),
        format!(
            "defmodule A do\n{}def a, do: 1{}\nend",
            "if(".repeat(500),
            ")".repeat(500)
        ),
        format!("defmodule A do\n@spec {}a\nend", "a :: ".repeat(deep)),
        "a |> ".repeat(deep),
        "&".repeat(deep),
        "\"#{".repeat(2_000),
        "\u{0}\u{feff}é\r\n\r".repeat(100),
        String::new(),
    ] {
        let file = analyze_file("a.ex", &text);
        assert_eq!(file.size_bytes as usize, text.len());
    }
}
