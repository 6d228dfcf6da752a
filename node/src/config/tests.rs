//! What is accepted, what wins, and what a wrong setting is told.

use super::*;
use clap::Parser as _;

fn load(toml: &str, flags: &[&str]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    std::fs::write(&file, toml).unwrap();
    let mut args = vec!["aiex-node", "--config", file.to_str().unwrap()];
    args.extend(flags);
    Config::load(&Args::parse_from(args))
}

#[test]
fn defaults_hold_and_flags_win() {
    let config = load(
        "[node]\nclient_address = \"127.0.0.1:1\"\n",
        &["--client-address", "127.0.0.1:2"],
    )
    .unwrap();
    assert_eq!(config.node.client_address, "127.0.0.1:2");
    assert_eq!(config.node.operations_address, "127.0.0.1:7403");
}

#[test]
fn an_unknown_key_is_named() {
    let error = load("[node]\nclient_adress = \"127.0.0.1:1\"\n", &[]).unwrap_err();
    assert!(error.message.contains("client_adress"), "{error}");
    assert!(error.hint.contains("client_address"), "{}", error.hint);
}

#[test]
fn a_wrong_type_names_key_and_file() {
    let error = load("[node]\nplanned_nodes = \"three\"\n", &[]).unwrap_err();
    assert!(error.message.contains("node.planned_nodes"), "{error}");
    assert!(error.message.contains("node.toml"), "{error}");
}

#[test]
fn a_wrong_address_is_explained() {
    let error = load("", &["--client-address", "localhost"]).unwrap_err();
    assert!(error.message.contains("node.client_address"), "{error}");
    assert!(error.hint.contains("127.0.0.1:7400"));
}

#[test]
fn a_provider_without_route_is_explained() {
    let toml = "[[llm.provider]]\nname = \"p\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let error = load(toml, &[]).unwrap_err();
    assert!(error.message.contains("llm.route"), "{error}");
}

#[test]
fn a_missing_file_is_one_clear_message() {
    let error = Config::load(&Args::parse_from([
        "aiex-node",
        "--config",
        "/nonexistent/a.toml",
    ]))
    .unwrap_err();
    assert!(error.message.contains("/nonexistent/a.toml"), "{error}");
}

#[test]
fn a_literal_key_is_hidden_in_the_dump() {
    let mut config = Config::default();
    let mut provider =
        aiex_llm::ProviderConfig::new("p", aiex_llm::Dialect::Openai, "http://127.0.0.1:1/v1");
    provider.key = Some("sk-secret".to_owned());
    config.llm.provider.push(provider);
    let text = config.to_redacted_toml().unwrap();
    assert!(!text.contains("sk-secret") && text.contains("(hidden)"));
}

#[test]
fn a_key_that_is_no_reference_or_resolves_to_nothing_is_named() {
    let with_key = |key: &str| {
        let toml = format!(
            "[[llm.provider]]\nname = \"p\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
             key = \"{key}\"\n[[llm.route]]\nmodel = \"m\"\ntargets = [\"p/m\"]\n"
        );
        load(&toml, &[]).unwrap()
    };
    let pasted = with_key("sk-secret").check_keys(|_| Ok(())).unwrap_err();
    assert!(pasted.message.contains("llm.provider[0].key"), "{pasted}");
    assert!(!pasted.message.contains("sk-secret"), "{pasted}");
    let config = with_key("env:ABSENT");
    assert!(config.check_keys(|_| Ok(())).is_ok());
    let absent = config.check_keys(|key| Err(format!("{key:?} is not set")));
    assert!(absent.unwrap_err().message.contains("ABSENT"));
}
