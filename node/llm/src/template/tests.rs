//! Templates are strict, small and byte-stable.

use super::*;

fn context() -> PromptContext {
    PromptContext {
        project: "shop".into(),
        elixir_requirement: "~> 1.14".into(),
        umbrella: true,
        target: "Shop.Cart".into(),
        facts: "Shop.Cart.total/1 sums <prices> & \"tax\" \\\\ {{ not_a_variable }}".into(),
        description: "keeps orders".into(),
        may_edit: true,
    }
}

#[test]
fn every_template_renders_with_a_full_and_with_an_empty_context() {
    let templates = Templates::built_in().unwrap();
    for name in templates.names() {
        let full = templates.render(name, &context()).unwrap();
        let empty = templates.render(name, &PromptContext::default()).unwrap();
        assert!(
            full.contains("shop, an umbrella, Elixir ~> 1.14."),
            "{full}"
        );
        assert!(empty.contains("Project: unnamed."), "{empty}");
        assert!(!empty.contains("Change files only"), "{empty}");
        assert!(!full.contains("\n\n\n"), "{full:?}");
    }
}

#[test]
fn standing_text_is_small() {
    let templates = Templates::built_in().unwrap();
    for name in templates.names() {
        let standing = PromptContext {
            may_edit: true,
            ..PromptContext::default()
        };
        let bytes = templates.render(name, &standing).unwrap().len();
        assert!(bytes <= 2_048, "{name} has {bytes} bytes");
    }
}

#[test]
fn facts_are_carried_exactly_and_never_rendered() {
    let text = Templates::built_in()
        .unwrap()
        .render("explain", &context())
        .unwrap();
    assert!(text.contains(&context().facts), "{text}");
    assert!(text.contains("(`\\\\`)"), "{text}");
}

#[test]
fn equal_contexts_give_equal_bytes() {
    let (one, two) = (
        Templates::built_in().unwrap(),
        Templates::built_in().unwrap(),
    );
    for name in one.names() {
        assert_eq!(
            one.render(name, &context()).unwrap(),
            two.render(name, &context()).unwrap()
        );
    }
}

#[test]
fn an_undefined_variable_and_an_unknown_name_are_errors() {
    let templates = Templates::built_in().unwrap();
    let error = templates
        .render("ask", &serde_json::json!({"project": "x"}))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Template);
    assert!(error.message.contains("undefined"), "{error}");
    assert_eq!(
        templates.render("poem", &context()).unwrap_err().kind,
        ErrorKind::Template
    );
}

#[test]
fn a_runaway_template_runs_out_of_fuel() {
    let mut templates = Templates::built_in().unwrap();
    templates
        .environment
        .add_template(
            "runaway",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        )
        .unwrap();
    let error = templates.render("runaway", &context()).unwrap_err();
    assert!(error.message.contains("fuel"), "{error}");
}

#[test]
fn each_task_has_its_template() {
    let templates = Templates::built_in().unwrap();
    let task = Task::Explain {
        target: "Shop".into(),
    };
    let name = Templates::name_for(&task).unwrap();
    assert!(templates.names().any(|known| known == name));
    assert_eq!(Templates::name_for(&Task::Undo { turn: 0 }), None);
}
