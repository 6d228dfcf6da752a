//! The offline engine behind the gateway, and what `Gateway::new` makes of a configuration.

use super::tests::{Player, gateway_of, reply, request};
use super::*;
use crate::config::{ProviderConfig, RouteConfig};
use crate::stream::{Reply, StreamEvent};
use futures_util::StreamExt;

struct Engine;

impl OfflineEngine for Engine {
    fn reply(&self, request: &ModelRequest) -> Result<Reply, Error> {
        assert!(request.system != "panic", "asked to");
        Ok(Reply {
            content: vec![aiex_session::ContentBlock::Text {
                text: "from the tree".into(),
            }],
            ..reply("", "")
        })
    }
}

fn no_secrets(_: &crate::SecretRef) -> Result<crate::SecretString, String> {
    Err("no secret is needed here".into())
}

#[tokio::test]
async fn without_configuration_the_offline_engine_answers() {
    let gateway = Gateway::new(Config::default(), Arc::new(Engine), &no_secrets).unwrap();
    assert_eq!(gateway.default_model(), OFFLINE);
    assert_eq!(gateway.models().len(), 1);
    let events: Vec<_> = gateway.call(request()).await.unwrap().collect().await;
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0],
        Ok(StreamEvent::TextDelta("from the tree".into()))
    );
    assert!(
        matches!(&events[1], Ok(StreamEvent::Finished(reply)) if reply.provider == OFFLINE && reply.model == OFFLINE)
    );
}

#[tokio::test]
async fn an_engine_that_panics_is_an_error_and_the_next_call_works() {
    let gateway = Gateway::new(Config::default(), Arc::new(Engine), &no_secrets).unwrap();
    let asked = ModelRequest {
        system: "panic".into(),
        ..request()
    };
    assert_eq!(
        gateway.call(asked).await.err().unwrap().kind,
        ErrorKind::Offline
    );
    assert!(gateway.call(request()).await.is_ok());
}

#[tokio::test]
async fn offline_is_always_there_and_an_unknown_model_is_not() {
    let a = Player::new("a", &[]);
    let gateway = gateway_of(Config::default(), &[&a]);
    let asked = ModelRequest {
        model: "larg".into(),
        ..request()
    };
    let error = gateway.call(asked).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::UnknownModel);
    assert!(error.hint.contains("aiex list models"));

    let config = Config {
        provider: vec![ProviderConfig::new(
            "p",
            Dialect::Openai,
            "http://127.0.0.1:1",
        )],
        route: vec![RouteConfig {
            model: "large".into(),
            targets: vec!["p/m".into()],
        }],
        ..Config::default()
    };
    let gateway = Gateway::new(config, Arc::new(Engine), &no_secrets).unwrap();
    let names: Vec<&str> = gateway
        .models()
        .iter()
        .map(|route| route.model.as_str())
        .collect();
    assert_eq!(names, ["large", OFFLINE]);
    assert_eq!(gateway.default_model(), "large");
}

#[test]
fn a_missing_secret_names_its_key() {
    let keyed = ProviderConfig {
        key: Some("env:NOT_THERE".into()),
        ..ProviderConfig::new("p", Dialect::Openai, "http://h")
    };
    let config = Config {
        provider: vec![keyed],
        route: vec![RouteConfig {
            model: "m".into(),
            targets: vec!["p/m".into()],
        }],
        ..Config::default()
    };
    let error = Gateway::new(config, Arc::new(Engine), &no_secrets).unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Config {
            key: "llm.provider[0].key".into()
        }
    );
}
