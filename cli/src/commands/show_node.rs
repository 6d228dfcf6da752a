//! `aiex show node`

use super::documents;
use crate::error::Error;
use crate::exit_code::Exit;
use crate::invocation::Invocation;
use crate::present::table::{bytes, duration, pairs};
use aiex_proto::v1::ShowNodeRequest;

pub(super) fn run(invocation: &Invocation) -> Result<Exit, Error> {
    let node = invocation.call(async |client| Ok(client.show_node(ShowNodeRequest {}).await?))?;
    invocation.output.either(&documents::node(&node), |theme| {
        let rows = [
            ("node", node.node_id.clone()),
            ("cluster", node.cluster_id.clone()),
            ("state", node.state.clone()),
            ("version", node.version.clone()),
            ("address", node.client_address.clone()),
            ("up", duration(node.uptime_ms)),
            (
                "shards",
                format!("leads {} of {}", node.shards_led, node.shards_total),
            ),
            ("memory", bytes(node.rss_bytes)),
        ];
        pairs(&rows, theme)
    })?;
    Ok(Exit::Done)
}
