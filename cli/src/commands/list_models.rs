//! `aiex list models`

use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::table;
use aiex_proto::v1::ListModelsRequest;
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let reply =
        invocation.call(async |client| Ok(client.list_models(ListModelsRequest {}).await?))?;
    let models: Vec<_> = reply
        .models
        .iter()
        .map(|model| json!({"name": model.name, "targets": model.targets}))
        .collect();
    let document = json!({"models": models, "default_model": reply.default_model});
    invocation.output.either(&document, |theme| {
        let rows: Vec<[String; 3]> = reply
            .models
            .iter()
            .map(|model| {
                let mark = if model.name == reply.default_model {
                    "default"
                } else {
                    ""
                };
                [
                    model.name.clone(),
                    mark.to_owned(),
                    model.targets.join(", "),
                ]
            })
            .collect();
        table(["MODEL", "", "TARGETS"], &rows, "no models", theme)
    })?;
    Ok(Exit::Done)
}
