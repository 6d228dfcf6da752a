//! The JSON of what the cluster answers; field names are those of the contract.

use aiex_proto::v1::{NodeStatus, SessionEvent, SessionSummary, ShardStatus, TokenInfo};
use serde_json::{Value, json};

pub(super) fn session(summary: &SessionSummary) -> Value {
    json!({
        "session_id": summary.session_id, "title": summary.title, "project": summary.project,
        "owner": summary.owner, "state": summary.state, "head_seq": summary.head_seq, "turns": summary.turns,
        "created_unix_ms": summary.created_unix_ms, "updated_unix_ms": summary.updated_unix_ms,
        "parent_session_id": summary.parent_session_id, "shard": summary.shard,
    })
}

pub(super) fn event(event: &SessionEvent) -> Value {
    json!({
        "seq": event.seq, "at_unix_ms": event.at_unix_ms, "actor": event.actor,
        "schema_version": event.schema_version, "event": embedded(&event.payload_json),
    })
}

pub(super) fn node(status: &NodeStatus) -> Value {
    json!({
        "node_id": status.node_id, "cluster_id": status.cluster_id, "version": status.version,
        "client_address": status.client_address, "uptime_ms": status.uptime_ms, "shards_led": status.shards_led,
        "shards_total": status.shards_total, "state": status.state, "rss_bytes": status.rss_bytes,
    })
}

pub(super) fn shard(status: &ShardStatus) -> Value {
    json!({
        "shard": status.shard, "leader_node": status.leader_node, "replicas": status.replicas,
        "last_log_index": status.last_log_index, "applied_index": status.applied_index, "term": status.term,
    })
}

pub(super) fn token(info: &TokenInfo) -> Value {
    json!({
        "token_id": info.token_id, "user": info.user, "roles": info.roles, "label": info.label,
        "created_unix_ms": info.created_unix_ms, "expires_unix_ms": info.expires_unix_ms, "revoked": info.revoked,
    })
}

/// JSON that came as text; null when there is none.
pub(super) fn embedded(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
