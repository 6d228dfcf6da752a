//! The whole table, cell by cell, and every call of the contract.

use super::*;
use crate::{SessionRead, SessionWrite};

/// One row per action: viewer, developer, lead, operator, auditor, admin. `o` own, `A` any.
const TABLE: &str = "
session.read      o o A - - -
session.write     - o o - - -
session.create    - o o - - -
session.list      o o A A A -
session.fork      - o A - - -
session.archive   - o o - - -
session.export    o o A - - -
session.import    - o o - - -
workspace.write   - o o - - -
workspace.read    o o o - - -
cluster.read      A A A A A A
model.list        A A A A A A
token.create      - - - - - A
token.list        o o o - A A
token.revoke      o o o - - A
profile.read      A A A A A A
operations.read   - - - A A A
";

fn principal(roles: &[Role]) -> Principal {
    Principal {
        user: "ann".into(),
        roles: roles.to_vec(),
        token_id: "t".into(),
    }
}

fn letter(scope: Option<Scope>) -> char {
    match scope {
        None => '-',
        Some(Scope::Own) => 'o',
        Some(Scope::Any) => 'A',
    }
}

#[test]
fn every_cell_is_as_the_table_says() {
    let mut actual = String::from("\n");
    for action in Action::ALL {
        let row: Vec<String> = Role::ALL
            .iter()
            .map(|role| letter(ceiling(&principal(&[*role]), *action).ok()).to_string())
            .collect();
        actual.push_str(&format!("{:<17} {}\n", action.name(), row.join(" ")));
    }
    assert_eq!(actual, TABLE);
}

#[test]
fn roles_add_up_and_none_grants_nothing() {
    for action in Action::ALL {
        assert!(ceiling(&principal(&[]), *action).is_err(), "{action}");
        for a in Role::ALL {
            for b in Role::ALL {
                let both = ceiling(&principal(&[a, b]), *action).ok();
                assert_eq!(
                    both,
                    cell(a, *action).max(cell(b, *action)),
                    "{a} {b} {action}"
                );
            }
        }
    }
}

#[test]
fn own_reach_stops_at_the_owner() {
    let permit = authorize(&principal(&[Role::Developer]), SessionRead).unwrap();
    assert!(permit.covers("ann").is_ok());
    assert!(permit.covers("bob").is_err());
    assert!(permit.covers("").is_err());
    let permit = authorize(&principal(&[Role::Lead]), SessionRead).unwrap();
    assert!(permit.covers("bob").is_ok());
}

#[test]
fn a_refusal_names_the_roles_that_would_do() {
    let denied = authorize(&principal(&[Role::Admin]), SessionWrite).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "your roles (admin) do not allow session.write"
    );
    assert_eq!(denied.hint, "roles that do: developer, lead");
}

#[test]
fn every_call_of_the_contract_declares_its_action() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/proto/aiex/v1");
    let mut calls = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut service = "";
        for line in text.lines().map(str::trim) {
            let mut words = line
                .split(|c: char| !c.is_alphanumeric())
                .filter(|w| !w.is_empty());
            match words.next() {
                Some("service") => service = words.next().unwrap(),
                Some("rpc") => {
                    let path = format!("/aiex.v1.{service}/{}", words.next().unwrap());
                    assert!(Action::of_rpc(&path).is_some(), "{path} declares no action");
                    calls += 1;
                }
                _ => {}
            }
        }
    }
    assert!(
        calls >= 20,
        "only {calls} calls found: is the contract elsewhere now?"
    );
    assert_eq!(Action::of_rpc("/aiex.v1.Sessions/DropAll"), None);
    assert_eq!(Action::of_rpc("/other.v1.Sessions/Get"), None);
}
