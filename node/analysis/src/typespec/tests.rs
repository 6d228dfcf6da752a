//! Specs: reading, samples, assertions.

use super::*;

/// Types of one module, given as `(name, text)`.
struct Types(Vec<(&'static str, &'static str)>);

impl TypeSource for Types {
    fn find(&self, module: &str, name: &str, arguments: &[Type]) -> Option<Type> {
        let (_, text) = self.0.iter().find(|(n, _)| *n == name)?;
        Type::parse_definition(
            text,
            name,
            arguments,
            &Scope {
                module,
                aliases: &[],
            },
        )
    }
}

fn types() -> Types {
    Types(vec![
        (
            "t",
            "t() :: %__MODULE__{price: non_neg_integer(), name: String.t()}",
        ),
        ("result", "result(v) :: {:ok, v} | {:error, term()}"),
        ("size", ":small | :large"),
    ])
}

fn spec(text: &str) -> Spec {
    let aliases = [("Item".to_owned(), "Shop.Item".to_owned())];
    Spec::parse(
        text,
        &Scope {
            module: "Shop",
            aliases: &aliases,
        },
    )
    .unwrap_or_else(|| panic!("no spec: {text}"))
}

fn check_assertion(result: &str, expected: &[&str]) {
    let spec = spec(&format!("f() :: {result}"));
    let got: Vec<String> = assertions(&spec.result, "result", "Shop", &types())
        .into_iter()
        .map(|any| any.join(" or "))
        .collect();
    assert_eq!(got, expected, "{result}");
}

fn check_samples(kind: &str, expected: &[&str]) {
    let spec = spec(&format!("f({kind}) :: any()"));
    let types = types();
    let values = Samples {
        types: &types,
        module: "Shop",
    }
    .of(&spec.arguments[0]);
    let got: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(got, expected, "{kind}");
}

#[test]
fn reads_heads_variables_and_remote_types() {
    let read =
        spec("merge(left :: map(), Item.t() | nil, opts) :: a when opts: keyword(), a: integer");
    assert_eq!(read.name, "merge");
    assert_eq!(read.arguments[0], Type::Map(None));
    let item = Type::Named(Some("Shop.Item".into()), "t".into(), vec![]);
    assert_eq!(
        read.arguments[1],
        Type::Union(vec![item, Type::Value(Literal::atom("nil"))])
    );
    assert_eq!(read.arguments[2], Type::Keyword(vec![]));
    assert_eq!(read.result, Type::Integer(None, None));
    assert_eq!(spec("now :: integer").arguments, vec![]);
}

#[test]
fn asserts_what_the_type_says() {
    check_assertion("integer()", &["is_integer(result)"]);
    check_assertion("non_neg_integer()", &["is_integer(result)", "result >= 0"]);
    check_assertion("String.t()", &["is_binary(result)"]);
    check_assertion(
        "[String.t()]",
        &["is_list(result)", "Enum.all?(result, &is_binary/1)"],
    );
    check_assertion("t()", &["is_struct(result, Shop)"]);
    check_assertion(
        ":ok | {:error, atom()}",
        &["result == :ok or match?({:error, value} when is_atom(value), result)"],
    );
    check_assertion(
        "result(pos_integer())",
        &[
            "match?({:ok, value} when is_integer(value) and value >= 1, result) or match?({:error, _}, result)",
        ],
    );
    check_assertion("size()", &["result == :small or result == :large"]);
    check_assertion("(integer, integer -> boolean)", &["is_function(result, 2)"]);
    check_assertion("%{a: 1}", &["match?(%{a: _}, result)"]);
    check_assertion("%{optional(atom) => any}", &["is_map(result)"]);
}

#[test]
fn asserts_nothing_when_anything_goes() {
    check_assertion("term()", &[]);
    check_assertion("integer() | any()", &[]);
    check_assertion("unknown_type()", &[]);
    check_assertion("no_return()", &[]);
}

#[test]
fn samples_start_with_an_ordinary_value() {
    check_samples("integer()", &["2", "0", "1", "-1", "42", "7"]);
    check_samples("1..3", &["2", "1", "3"]);
    check_samples("boolean()", &["true", "false"]);
    check_samples("[1 | 2, ...]", &["[1, 2]", "[1]", "[2, 1, 2]"]);
    check_samples("size()", &[":small", ":large"]);
    check_samples("pid()", &[]);
    check_samples("Date.t()", &["~D[2024-02-29]"]);
    check_samples("{:a, boolean}", &["{:a, true}", "{:a, false}"]);
    let struct_type = spec("f(t()) :: any()");
    let types = types();
    let values = Samples {
        types: &types,
        module: "Shop",
    }
    .of(&struct_type.arguments[0]);
    assert_eq!(values[0].to_string(), "%Shop{price: 2, name: \"text\"}");
}
