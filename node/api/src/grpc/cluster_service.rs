//! Nodes, shards and models on the wire.

use crate::grpc::caller::permit;
use crate::rooms::Rooms;
use aiex_proto::v1::{self, cluster_server::Cluster};
use aiex_security::{ClusterRead, ModelList};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Serves `aiex.v1.Cluster`.
pub(crate) struct ClusterService {
    pub(crate) rooms: Arc<Rooms>,
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn show_node(
        &self,
        request: Request<v1::ShowNodeRequest>,
    ) -> Result<Response<v1::NodeStatus>, Status> {
        permit(&request, ClusterRead)?;
        Ok(Response::new(self.rooms.node_status()))
    }

    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesReply>, Status> {
        permit(&request, ClusterRead)?;
        let nodes = vec![self.rooms.node_status()];
        Ok(Response::new(v1::ListNodesReply { nodes }))
    }

    async fn list_shards(
        &self,
        request: Request<v1::ListShardsRequest>,
    ) -> Result<Response<v1::ListShardsReply>, Status> {
        permit(&request, ClusterRead)?;
        let shards = self.rooms.shard_statuses();
        Ok(Response::new(v1::ListShardsReply { shards }))
    }

    async fn list_models(
        &self,
        request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsReply>, Status> {
        permit(&request, ModelList)?;
        let gateway = &self.rooms.gateway;
        let models = gateway.models().iter().map(|route| v1::ModelInfo {
            name: route.model.clone(),
            targets: route.targets.clone(),
        });
        Ok(Response::new(v1::ListModelsReply {
            models: models.collect(),
            default_model: gateway.default_model().to_owned(),
        }))
    }
}
