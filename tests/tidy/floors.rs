//! A crate imports only from a strictly lower floor, and each outside package has one door.

use crate::repository::packages;
use anyhow::Result;

/// Where a crate stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    People,
    Node,
    Cluster,
    /// Suites and tools that may look at everything.
    Outside,
}

/// The house of `docs/architecture.md`: crate, side, floor, pure.
const HOUSE: &[(&str, Side, u8, bool)] = &[
    ("aiex-proto", Side::People, 0, false),
    ("aiex-session", Side::Node, 0, true),
    ("aiex-analysis", Side::Node, 0, true),
    ("aiex-tools", Side::Node, 0, false),
    ("aiex-security", Side::Node, 0, false),
    ("aiex-telemetry", Side::Node, 0, false),
    ("aiex-placement", Side::Cluster, 0, true),
    ("aiex-storage", Side::Cluster, 0, false),
    ("aiex-context", Side::Node, 1, false),
    ("aiex-llm", Side::Node, 1, false),
    ("aiex-consensus", Side::Cluster, 1, false),
    ("aiex-membership", Side::Cluster, 1, false),
    ("aiex-coordinator", Side::Cluster, 2, false),
    ("aiex-agent", Side::Node, 3, false),
    ("aiex-journal", Side::Node, 3, false),
    ("aiex-client", Side::People, 4, false),
    ("aiex-api", Side::Node, 4, false),
    ("aiex", Side::People, 5, false),
    ("aiex-node", Side::Node, 5, false),
    ("aiex-tests", Side::Outside, 9, false),
    ("aiex-scripted-provider", Side::Outside, 0, false),
    ("aiex-bench", Side::Outside, 9, false),
];

/// What the terminal program may see of our own crates.
const PEOPLE_MAY_SEE: &[&str] = &["aiex-proto", "aiex-client", "aiex-tools", "aiex-analysis"];

/// Outside package and the only crates that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("prost", &["aiex-proto", "aiex-consensus"]),
    ("imara-diff", &["aiex-session"]),
    ("tree-sitter", &["aiex-analysis", "aiex-bench"]),
    ("tree-sitter-elixir", &["aiex-analysis", "aiex-bench"]),
    ("landlock", &["aiex-tools"]),
    ("seccompiler", &["aiex-tools"]),
    ("aes-gcm", &["aiex-security"]),
    ("metrics-exporter-prometheus", &["aiex-telemetry"]),
    ("tracing-opentelemetry", &["aiex-telemetry"]),
    ("tiktoken", &["aiex-context"]),
    ("reqwest", &["aiex-llm", "aiex-tests"]),
    ("minijinja", &["aiex-llm"]),
    ("axum", &["aiex-api", "aiex-scripted-provider"]),
    ("chitchat", &["aiex-membership"]),
    ("hashring", &["aiex-placement"]),
    ("rocksdb", &["aiex-storage"]),
    ("openraft", &["aiex-consensus"]),
    (
        "tonic",
        &["aiex-api", "aiex-client", "aiex-consensus", "aiex-proto"],
    ),
    (
        "clap",
        &["aiex", "aiex-node", "aiex-scripted-provider", "aiex-bench"],
    ),
];

/// Packages a pure crate may never name.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-stream",
    "tokio-util",
    "rand",
    "reqwest",
    "tonic",
    "rustix",
];

fn place(name: &str) -> Option<(Side, u8, bool)> {
    HOUSE
        .iter()
        .find(|(crate_name, ..)| *crate_name == name)
        .map(|(_, side, floor, pure)| (*side, *floor, *pure))
}

#[test]
fn every_crate_has_a_place() -> Result<()> {
    let homeless: Vec<String> = packages()?
        .into_iter()
        .map(|package| package.name)
        .filter(|name| place(name).is_none())
        .collect();
    assert!(
        homeless.is_empty(),
        "add to the house in tests/tidy/floors.rs: {homeless:?}"
    );
    Ok(())
}

#[test]
fn arrows_point_down() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let Some((side, floor, _)) = place(&package.name) else {
            continue;
        };
        for target in package
            .dependencies
            .iter()
            .filter(|name| name.starts_with("aiex"))
        {
            let Some((to_side, to_floor, _)) = place(target) else {
                continue;
            };
            if let Some(reason) = forbidden(side, floor, target, to_side, to_floor) {
                wrong.push(format!("{} -> {target}: {reason}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn forbidden(
    side: Side,
    floor: u8,
    target: &str,
    to_side: Side,
    to_floor: u8,
) -> Option<&'static str> {
    match (side, to_side) {
        (Side::Outside, _) => None,
        (_, Side::Outside) => Some("the product never stands on a suite"),
        (Side::Cluster, to) if to != Side::Cluster => Some("the cluster knows nothing of the node"),
        (Side::People, _) if !PEOPLE_MAY_SEE.contains(&target) => {
            Some("the people side sees the contract, the client, the tools and the analysis only")
        }
        _ if to_floor >= floor => Some("not a strictly lower floor"),
        _ => None,
    }
}

#[test]
fn each_outside_package_has_one_door() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        for (outside, doors) in DOORS {
            let uses = package.dependencies.iter().any(|name| name == outside);
            if uses && !doors.contains(&package.name.as_str()) {
                wrong.push(format!(
                    "{} uses {outside}; its door is {doors:?}",
                    package.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn pure_crates_stay_pure() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        if !matches!(place(&package.name), Some((_, _, true))) {
            continue;
        }
        for name in package
            .dependencies
            .iter()
            .filter(|name| IMPURE.contains(&name.as_str()))
        {
            wrong.push(format!("{} is pure and uses {name}", package.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
