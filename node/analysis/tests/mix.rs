//! What is generated is judged by real Mix: it compiles without warnings, is formatted, and its tests pass.

#[path = "mix/project.rs"]
mod project;

use aiex_analysis::module_gen::{self, ModuleKind, Neighbour};
use project::Project;

#[test]
fn every_kind_of_module_compiles_is_formatted_and_passes() {
    let project = Project::new("shop");
    let neighbours = [Neighbour { module: "Shop".into(), path: "lib/shop.ex".into() }];
    let description = "Sums up \"things\" such as #{this}.\n\nSecond paragraph with a \\ and \"\"\" inside.";
    for kind in ModuleKind::ALL {
        for (prefix, text) in [("Shop.Longer", description), ("Top", "")] {
            let name = format!("{prefix}{:?}Part", kind);
            let made = module_gen::create(kind, &name, text, &neighbours).expect("generated");
            project.write(&made.path, &made.source);
            project.write(&made.test_path, &made.test_source);
        }
    }
    let longest = format!("Shop.{}", "Abcdef".repeat(6));
    for (at, kind) in ModuleKind::ALL.into_iter().enumerate() {
        let made = module_gen::create(kind, &format!("{longest}.{}{at}", "Abcd".repeat(6)), "", &neighbours).expect("generated");
        project.write(&made.path, &made.source);
        project.write(&made.test_path, &made.test_source);
    }
    project.mix(&["format", "--check-formatted"]);
    project.mix(&["test", "--warnings-as-errors"]);
}

#[test]
fn underscore_agrees_with_elixir() {
    let names = ["Shop", "HTTPClient", "SAPExample", "FooV2", "Foo2Bar", "ABC", "A1B2", "Foo_Bar", "FooBAR.Baz", "HTTP2Server", "X509Cert"];
    let list: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
    let script = format!("for n <- [{}], do: IO.puts(Macro.underscore(n))", list.join(", "));
    let expected = project::elixir(&script);
    let got: Vec<String> = names.iter().map(|n| module_gen::underscore(n)).collect();
    assert_eq!(got, expected.lines().collect::<Vec<_>>());
}
