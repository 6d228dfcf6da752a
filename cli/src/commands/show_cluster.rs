//! `aiex show cluster`

use super::documents;
use super::list_nodes::node_table;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use aiex_proto::v1::{ListNodesRequest, ListShardsRequest};
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let (nodes, shards) = invocation.call(async |client| {
        let nodes = client.list_nodes(ListNodesRequest {}).await?.nodes;
        let shards = client.list_shards(ListShardsRequest {}).await?.shards;
        Ok((nodes, shards))
    })?;
    let leaderless = shards
        .iter()
        .filter(|shard| shard.leader_node.is_empty())
        .count();
    let behind = shards
        .iter()
        .filter(|shard| shard.applied_index < shard.last_log_index)
        .count();
    let document = json!({
        "nodes": nodes.iter().map(documents::node).collect::<Vec<_>>(),
        "shards_total": shards.len(), "shards_without_leader": leaderless, "shards_applying": behind,
    });
    invocation.output.either(&document, |theme| {
        let state = match leaderless {
            0 => theme.good("every shard has a leader"),
            count => theme.bad(&format!("{count} shards have no leader")),
        };
        format!(
            "{}\n\n{} shards: {state}",
            node_table(&nodes, theme),
            shards.len()
        )
    })?;
    Ok(Exit::Done)
}
