//! Layers, references and unknown keys.

use super::*;

fn home(config: &str) -> (tempfile::TempDir, Environment) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("config.toml"), config).expect("a file");
    let environment = Environment {
        config_dir: dir.path().to_owned(),
        ..Environment::default()
    };
    (dir, environment)
}

fn load(config: &str) -> Result<Settings, Error> {
    let (_dir, environment) = home(config);
    Settings::load(&environment, &Flags::default())
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let (_dir, mut environment) =
        home("endpoint = \"file:1\"\nmodel = \"from-file\"\nreconnect_deadline_ms = 5");
    environment.endpoint = Some("env:1".to_owned());
    let flags = Flags {
        endpoint: None,
        model: Some("from-flag".to_owned()),
    };
    let settings = Settings::load(&environment, &flags).expect("settings");
    assert_eq!(settings.endpoint.as_deref(), Some("env:1"));
    assert_eq!(settings.model.as_deref(), Some("from-flag"));
    assert_eq!(settings.reconnect_deadline_ms, Some(5));
}

#[test]
fn no_file_is_no_error_but_a_named_file_must_exist() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut environment = Environment {
        config_dir: dir.path().to_owned(),
        ..Environment::default()
    };
    assert_eq!(
        Settings::load(&environment, &Flags::default()).expect("defaults"),
        Settings::default()
    );
    environment.config_file = Some(dir.path().join("absent.toml"));
    let error = Settings::load(&environment, &Flags::default()).expect_err("absent");
    assert!(error.to_string().contains("absent.toml"), "{error}");
}

#[test]
fn bad_files_name_the_key() {
    for (config, needle) in [
        ("endpont = \"a\"", "unknown key 'endpont'"),
        (
            "reconnect_deadline_ms = \"soon\"",
            "key 'reconnect_deadline_ms'",
        ),
        ("allow_unsandboxed = 3", "key 'allow_unsandboxed'"),
        ("endpoint = ", "cannot be read"),
        ("token = \"aiex_1_secret\"", "token in"),
    ] {
        let error = load(config).expect_err(config);
        assert_eq!(error.exit().code(), 2, "{config}");
        assert!(error.to_string().contains(needle), "{config}: {error}");
        assert!(!error.hint().is_empty(), "{config}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_project_file_cannot_redirect_the_user() {
    let dir = tempfile::tempdir().expect("a directory");
    for key in [
        "endpoint = \"evil:1\"",
        "token = \"env:HOME\"",
        "allow_unsandboxed = true",
        "read_outside = [\"/etc\"]",
    ] {
        std::fs::write(dir.path().join(PROJECT_FILE), key).expect("a file");
        let error = ProjectSettings::load(dir.path()).expect_err(key);
        assert!(
            error.hint().contains("only narrows"),
            "{key}: {}",
            error.hint()
        );
    }
    std::fs::write(
        dir.path().join(PROJECT_FILE),
        "exclude = [\"priv/**\"]\nread_only = true",
    )
    .expect("a file");
    let settings = ProjectSettings::load(dir.path()).expect("settings");
    assert!(settings.read_only && settings.exclude == ["priv/**"]);
}

#[test]
fn tokens_come_by_reference() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("token");
    std::fs::write(&file, "aiex_1_secret\n").expect("a file");
    let settings = load(&format!("token = \"file:{}\"", file.display())).expect("settings");
    assert!(settings.token().expect("readable").is_some());
    let settings = load("token = \"env:AIEX_TEST_SURELY_NOT_SET\"").expect("settings");
    assert!(
        settings
            .token()
            .expect_err("not set")
            .to_string()
            .contains("AIEX_TEST_SURELY_NOT_SET")
    );
    assert!(Settings::default().token().expect("none").is_none());
}
