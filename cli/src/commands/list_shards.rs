//! `aiex list shards`

use super::documents;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::table;
use aiex_proto::v1::ListShardsRequest;
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let shards = invocation
        .call(async |client| Ok(client.list_shards(ListShardsRequest {}).await?))?
        .shards;
    let document = json!({"shards": shards.iter().map(documents::shard).collect::<Vec<_>>()});
    invocation.output.either(&document, |theme| {
        let rows: Vec<[String; 6]> = shards
            .iter()
            .map(|shard| {
                [
                    shard.shard.to_string(),
                    shard.leader_node.clone(),
                    shard.term.to_string(),
                    shard.last_log_index.to_string(),
                    shard.applied_index.to_string(),
                    shard.replicas.join(","),
                ]
            })
            .collect();
        table(
            ["SHARD", "LEADER", "TERM", "LOG", "APPLIED", "REPLICAS"],
            &rows,
            "no shards",
            theme,
        )
    })?;
    Ok(Exit::Done)
}
