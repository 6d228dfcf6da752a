//! Which step answers a request: rules first, then the conversation's step by assistant messages.

use crate::asked::{Asked, Speaker};
use crate::script::{Script, Step, When};

/// The step and its name on the bill.
pub(crate) struct Selected<'a> {
    pub(crate) step: &'a Step,
    pub(crate) name: String,
}

/// Chooses from the request alone, so a repeated request is answered the same.
pub(crate) fn select<'a>(script: &'a Script, asked: &Asked) -> Result<Selected<'a>, String> {
    for (index, rule) in script.rules.iter().enumerate() {
        if matches(&rule.when, asked) {
            return Ok(Selected {
                step: &rule.step,
                name: format!("rule {index}"),
            });
        }
    }
    let found = script
        .conversations
        .iter()
        .enumerate()
        .find(|(_, it)| matches(&it.when, asked));
    let Some((index, conversation)) = found else {
        return Err("the script has no rule and no conversation for this request".to_owned());
    };
    let number = asked.assistant_messages();
    match conversation.steps.get(number) {
        Some(step) => Ok(Selected {
            step,
            name: format!("conversation {index} step {number}"),
        }),
        None => Err(format!(
            "the script is exhausted: conversation {index} has {} steps, step {number} was asked",
            conversation.steps.len()
        )),
    }
}

fn matches(when: &When, asked: &Asked) -> bool {
    let contains = |wanted: &Option<String>, text: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|wanted| text.is_some_and(|text| text.contains(wanted)))
    };
    let said_by = |speaker| {
        let last = asked.turns.last().filter(|turn| turn.speaker == speaker);
        last.map(|turn| turn.text.as_str())
    };
    let first_user = asked
        .turns
        .iter()
        .find(|turn| turn.speaker == Speaker::User);
    when.model
        .as_ref()
        .is_none_or(|model| *model == asked.model)
        && when
            .assistant_messages
            .is_none_or(|count| count == asked.assistant_messages())
        && contains(&when.system_contains, Some(&asked.system))
        && contains(
            &when.first_user_contains,
            first_user.map(|turn| turn.text.as_str()),
        )
        && contains(&when.last_user_contains, said_by(Speaker::User))
        && contains(&when.last_tool_contains, said_by(Speaker::Tool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::Turn;

    fn asked(turns: &[(Speaker, &str)]) -> Asked {
        let turn = |&(speaker, text): &(Speaker, &str)| Turn {
            speaker,
            text: text.to_owned(),
        };
        Asked {
            model: "m".into(),
            turns: turns.iter().map(turn).collect(),
            ..Asked::default()
        }
    }

    #[test]
    fn steps_follow_assistant_messages_and_rules_come_first() {
        use Speaker::{Assistant, Tool, User};
        let script = Script::default()
            .with_rule(
                When {
                    last_tool_contains: Some("boom".into()),
                    ..When::default()
                },
                Step::text("sorry"),
            )
            .with_conversation("hello", [Step::text("one"), Step::text("two")]);
        let name = |turns: &[(Speaker, &str)]| select(&script, &asked(turns)).map(|it| it.name);
        assert_eq!(
            name(&[(User, "hello you")]).unwrap(),
            "conversation 0 step 0"
        );
        assert_eq!(
            name(&[(User, "hello"), (Assistant, "one"), (Tool, "fine")]).unwrap(),
            "conversation 0 step 1"
        );
        assert_eq!(
            name(&[(User, "hello"), (Assistant, "one"), (Tool, "boom")]).unwrap(),
            "rule 0"
        );
        assert!(
            name(&[
                (User, "hello"),
                (Assistant, ""),
                (User, "boom"),
                (Assistant, "")
            ])
            .unwrap_err()
            .contains("exhausted")
        );
        assert!(name(&[(User, "bye")]).unwrap_err().contains("no rule"));
    }
}
