//! `aiex list nodes`

use super::documents;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::{duration, table};
use crate::theme::Theme;
use aiex_proto::v1::{ListNodesRequest, NodeStatus};
use serde_json::json;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let nodes = invocation
        .call(async |client| Ok(client.list_nodes(ListNodesRequest {}).await?))?
        .nodes;
    let document = json!({"nodes": nodes.iter().map(documents::node).collect::<Vec<_>>()});
    invocation
        .output
        .either(&document, |theme| node_table(&nodes, theme))?;
    Ok(Exit::Done)
}

/// The nodes, one per line.
pub(super) fn node_table(nodes: &[NodeStatus], theme: Theme) -> String {
    let rows: Vec<[String; 6]> = nodes
        .iter()
        .map(|node| {
            [
                node.node_id.clone(),
                node.state.clone(),
                node.client_address.clone(),
                format!("{}/{}", node.shards_led, node.shards_total),
                duration(node.uptime_ms),
                node.version.clone(),
            ]
        })
        .collect();
    table(
        ["NODE", "STATE", "ADDRESS", "LEADS", "UP", "VERSION"],
        &rows,
        "no nodes",
        theme,
    )
}
