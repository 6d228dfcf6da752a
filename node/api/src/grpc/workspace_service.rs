//! Projects' files on the wire.

use crate::convert::error::Refusal;
use crate::grpc::caller::permit;
use crate::rooms::Rooms;
use aiex_context::{FILES_MAX, ManifestEntry};
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::{self, workspaces_server::Workspaces};
use aiex_security::{WorkspaceRead, WorkspaceWrite};
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// Most bytes of one upload call.
const UPLOAD_BYTES_MAX: usize = 256 << 20;
/// Most hits of one search.
const HITS_MAX: u32 = 100;

/// Serves `aiex.v1.Workspaces`.
pub(crate) struct WorkspaceService {
    pub(crate) rooms: Arc<Rooms>,
}

#[tonic::async_trait]
impl Workspaces for WorkspaceService {
    async fn sync(
        &self,
        request: Request<v1::SyncRequest>,
    ) -> Result<Response<v1::SyncReply>, Status> {
        permit(&request, WorkspaceWrite)?;
        let wanted = request.into_inner();
        if wanted.files.len() > FILES_MAX {
            let message = format!(
                "the project has {} files, over the limit of {FILES_MAX}",
                wanted.files.len()
            );
            return Err(Refusal::new(
                ErrorCode::LimitReached,
                message,
                "leave generated files out with .gitignore",
            )
            .into());
        }
        let manifest = wanted
            .files
            .into_iter()
            .map(entry_from_wire)
            .collect::<Result<Vec<_>, _>>()?;
        let workspaces = Arc::clone(&self.rooms.workspaces);
        let project = wanted.project;
        let synced = blocking(move || workspaces.sync(&project, &manifest)).await??;
        Ok(Response::new(v1::SyncReply {
            workspace_id: synced.workspace_id,
            missing: synced
                .missing
                .iter()
                .map(|hash| bytes::Bytes::copy_from_slice(hash))
                .collect(),
        }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<v1::FileContent>>,
    ) -> Result<Response<v1::UploadReply>, Status> {
        permit(&request, WorkspaceWrite)?;
        let mut files = request.into_inner();
        let (mut stored, mut size) = (0_u32, 0_usize);
        while let Some(file) = files.message().await? {
            size += file.content.len();
            if size > UPLOAD_BYTES_MAX {
                let message = format!("the upload is larger than {UPLOAD_BYTES_MAX} bytes");
                return Err(Refusal::new(
                    ErrorCode::LimitReached,
                    message,
                    "upload in several calls",
                )
                .into());
            }
            let hash = hash_from_wire(&file.hash)?;
            let workspaces = Arc::clone(&self.rooms.workspaces);
            blocking(move || workspaces.put(&hash, &file.content)).await??;
            stored += 1;
        }
        Ok(Response::new(v1::UploadReply { stored }))
    }

    async fn search(
        &self,
        request: Request<v1::SearchRequest>,
    ) -> Result<Response<v1::SearchReply>, Status> {
        permit(&request, WorkspaceRead)?;
        let wanted = request.into_inner();
        let limit = usize::try_from(wanted.limit.clamp(1, HITS_MAX)).unwrap_or(1);
        let workspaces = Arc::clone(&self.rooms.workspaces);
        let hits = blocking(move || {
            let index = workspaces.index(&wanted.workspace_id)?;
            Ok::<_, aiex_context::Error>(index.search(&wanted.query, limit))
        })
        .await??;
        let hits = hits.into_iter().map(|hit| v1::SearchHit {
            chunk_id: hit.chunk_id,
            path: hit.path,
            start_line: hit.span.start_line,
            end_line: hit.span.end_line,
            title: hit.title,
            score: hit.score,
        });
        Ok(Response::new(v1::SearchReply {
            hits: hits.collect(),
        }))
    }
}

/// Runs file and analysis work off the async workers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, aiex_context::Error> + Send + 'static,
) -> Result<Result<T, Refusal>, Refusal> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "workspace work ended early");
        Refusal::new(
            ErrorCode::Internal,
            "the work ended early",
            "see the log of the node",
        )
    })?;
    Ok(done.map_err(Refusal::from))
}

fn entry_from_wire(file: v1::FileEntry) -> Result<ManifestEntry, Refusal> {
    Ok(ManifestEntry {
        hash: hash_from_wire(&file.hash)?,
        path: file.path,
        size_bytes: file.size_bytes,
    })
}

fn hash_from_wire(bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    <[u8; 32]>::try_from(bytes).map_err(|_| {
        Refusal::invalid(
            format!("a content hash has {} bytes, not 32", bytes.len()),
            "send the BLAKE3 hash of the content",
        )
    })
}
