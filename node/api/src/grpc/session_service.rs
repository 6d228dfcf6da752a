//! Sessions on the wire.

use crate::convert::error::Refusal;
use crate::convert::event::event_to_wire;
use crate::grpc::caller::{derived_session_id, permit, session_id};
use crate::grpc::session_stream;
use crate::rooms::Rooms;
use aiex_agent::{ContextQuestion, SessionView};
use aiex_proto::v1::{self, sessions_server::Sessions};
use aiex_security::{
    Marker, Permit, SessionArchive, SessionCreate, SessionExport, SessionFork, SessionImport,
    SessionList, SessionRead, SessionWrite,
};
use aiex_session::{At, SessionId, SessionSummary};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// Bytes of one chunk of an exported document.
const CHUNK_BYTES: usize = 256 << 10;
/// Most bytes of an imported document.
const DOCUMENT_BYTES_MAX: usize = 256 << 20;

/// Serves `aiex.v1.Sessions`.
pub(crate) struct SessionService {
    pub(crate) rooms: Arc<Rooms>,
}

#[tonic::async_trait]
impl Sessions for SessionService {
    type AttachStream = BoxStream<'static, Result<v1::ServerFrame, Status>>;
    type ExportStream = BoxStream<'static, Result<v1::DocumentChunk, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<v1::ClientFrame>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let permit = permit(&request, SessionWrite)?;
        let frames =
            session_stream::attach(Arc::clone(&self.rooms), permit, request.into_inner()).await?;
        Ok(Response::new(frames))
    }

    async fn create(
        &self,
        request: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::SessionSummary>, Status> {
        let permit = permit(&request, SessionCreate)?;
        let wanted = request.into_inner();
        let session = derived_session_id(&permit.principal().user, &wanted.request_id)?;
        let agent = &self.rooms.agent;
        agent
            .create(
                &permit,
                session,
                wanted.title.clone(),
                wanted.project.clone(),
            )
            .await
            .map_err(Refusal::from)?;
        let summary = self.summary(&permit, session).await?;
        Ok(Response::new(self.summary_to_wire(session, &summary)))
    }

    async fn list(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsReply>, Status> {
        let permit = permit(&request, SessionList)?;
        let wanted = request.into_inner();
        let limit = match wanted.limit {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let is_wanted = |summary: &SessionSummary| {
            (wanted.include_archived || summary.state() != "archived")
                && (wanted.project.is_empty() || summary.project == wanted.project)
        };
        let listed = self.rooms.agent.list(&permit, is_wanted).await;
        let sessions = listed
            .map_err(Refusal::from)?
            .iter()
            .take(limit)
            .map(|(session, summary)| self.summary_to_wire(*session, summary))
            .collect();
        Ok(Response::new(v1::ListSessionsReply { sessions }))
    }

    async fn get(
        &self,
        request: Request<v1::GetSessionRequest>,
    ) -> Result<Response<v1::SessionDetail>, Status> {
        let permit = permit(&request, SessionRead)?;
        let wanted = request.into_inner();
        let session = session_id(&wanted.session_id)?;
        let at = match (wanted.at_seq, wanted.at_unix_ms) {
            (0, 0) => None,
            (0, at) => Some(At::UnixMs(at)),
            (seq, _) => Some(At::Seq(seq)),
        };
        let view = self
            .rooms
            .agent
            .view(&permit, session, at)
            .await
            .map_err(Refusal::from)?;
        Ok(Response::new(self.detail(
            session,
            &view,
            wanted.include_events,
        )?))
    }

    async fn fork(
        &self,
        request: Request<v1::ForkSessionRequest>,
    ) -> Result<Response<v1::SessionSummary>, Status> {
        let permit = permit(&request, SessionFork)?;
        let wanted = request.into_inner();
        let session = session_id(&wanted.session_id)?;
        let target = derived_session_id(&permit.principal().user, &wanted.request_id)?;
        let title = (!wanted.title.is_empty()).then_some(wanted.title);
        let summary = self
            .rooms
            .agent
            .fork(&permit, session, wanted.at_seq, target, title)
            .await
            .map_err(Refusal::from)?;
        Ok(Response::new(self.summary_to_wire(target, &summary)))
    }

    async fn archive(
        &self,
        request: Request<v1::ArchiveSessionRequest>,
    ) -> Result<Response<v1::SessionSummary>, Status> {
        let permit = permit(&request, SessionArchive)?;
        let session = session_id(&request.get_ref().session_id)?;
        let agent = &self.rooms.agent;
        agent
            .archive(&permit, session)
            .await
            .map_err(Refusal::from)?;
        let summary = self.summary(&permit, session).await?;
        Ok(Response::new(self.summary_to_wire(session, &summary)))
    }

    async fn export(
        &self,
        request: Request<v1::ExportSessionRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let permit = permit(&request, SessionExport)?;
        let session = session_id(&request.get_ref().session_id)?;
        let document = self
            .rooms
            .agent
            .export(&permit, session)
            .await
            .map_err(Refusal::from)?;
        let chunks: Vec<_> = document
            .chunks(CHUNK_BYTES)
            .map(|chunk| {
                Ok(v1::DocumentChunk {
                    data: bytes::Bytes::copy_from_slice(chunk),
                })
            })
            .collect();
        Ok(Response::new(stream::iter(chunks).boxed()))
    }

    async fn import(
        &self,
        request: Request<Streaming<v1::DocumentChunk>>,
    ) -> Result<Response<v1::SessionSummary>, Status> {
        let permit = permit(&request, SessionImport)?;
        let mut chunks = request.into_inner();
        let mut document = Vec::new();
        while let Some(chunk) = chunks.message().await? {
            if document.len() + chunk.data.len() > DOCUMENT_BYTES_MAX {
                let message = format!("the document is larger than {DOCUMENT_BYTES_MAX} bytes");
                let code = aiex_proto::code::ErrorCode::LimitReached;
                return Err(Refusal::new(code, message, "export a fork of a shorter part").into());
            }
            document.extend_from_slice(&chunk.data);
        }
        let target = SessionId::from_uuid(uuid::Uuid::now_v7());
        let summary = self
            .rooms
            .agent
            .import(&permit, document, target)
            .await
            .map_err(Refusal::from)?;
        Ok(Response::new(self.summary_to_wire(target, &summary)))
    }

    async fn show_context(
        &self,
        request: Request<v1::ShowContextRequest>,
    ) -> Result<Response<v1::ShowContextReply>, Status> {
        let permit = permit(&request, SessionRead)?;
        let wanted = request.into_inner();
        // without a session: what a first turn would contain
        let session = match wanted.session_id.as_str() {
            "" => None,
            named => Some(session_id(named)?),
        };
        let question = ContextQuestion {
            prompt: wanted.prompt,
            workspace_id: wanted.workspace_id,
            model: wanted.model,
        };
        let shown = self
            .rooms
            .agent
            .show_context(&permit, session, question)
            .await
            .map_err(Refusal::from)?;
        let items = shown.items.into_iter().map(|item| v1::ContextItem {
            kind: item.kind.name().to_owned(),
            source: item.source,
            reason: item.reason,
            tokens: item.tokens,
        });
        Ok(Response::new(v1::ShowContextReply {
            items: items.collect(),
            total_tokens: shown.total_tokens,
            budget_tokens: shown.budget_tokens,
            tokenizer: shown.tokenizer.to_owned(),
        }))
    }
}

impl SessionService {
    /// A summary for the reply of a call that was already permitted.
    async fn summary<A: Marker>(
        &self,
        permit: &Permit<A>,
        session: SessionId,
    ) -> Result<SessionSummary, Refusal> {
        Ok(self.rooms.agent.summary(permit, session).await?)
    }

    fn summary_to_wire(&self, session: SessionId, summary: &SessionSummary) -> v1::SessionSummary {
        v1::SessionSummary {
            session_id: session.to_string(),
            title: summary.title.clone(),
            project: summary.project.clone(),
            owner: summary.owner.clone(),
            state: summary.state().to_owned(),
            head_seq: summary.head_seq,
            turns: summary.turns,
            created_unix_ms: summary.created_unix_ms,
            updated_unix_ms: summary.updated_unix_ms,
            parent_session_id: summary
                .forked_from
                .map(|parent| parent.session.to_string())
                .unwrap_or_default(),
            shard: self.rooms.shard_of(session),
        }
    }

    fn detail(
        &self,
        session: SessionId,
        view: &SessionView,
        include_events: bool,
    ) -> Result<v1::SessionDetail, Refusal> {
        let events = if include_events {
            view.events.as_slice()
        } else {
            &[]
        };
        Ok(v1::SessionDetail {
            summary: Some(self.summary_to_wire(session, &view.summary)),
            transcript_json: json(&view.transcript)?,
            usage_json: json(&view.usage)?,
            file_changes_json: json(&view.file_changes)?,
            events: events.iter().map(event_to_wire).collect::<Result<_, _>>()?,
        })
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "a projection cannot be encoded");
        Refusal::new(
            aiex_proto::code::ErrorCode::Internal,
            "the session cannot be shown",
            "see the log of the node",
        )
    })
}
