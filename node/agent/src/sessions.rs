//! Looking at sessions and copying them: list, show at a point in time, fork, export, import.

use crate::agent::{Agent, Dependencies};
use crate::error::Error;
use crate::prompt::{Call, assembled, tool_specs};
use crate::tasks;
use aiex_context::Assembled;
use aiex_security::{
    Marker, Permit, SessionExport, SessionFork, SessionImport, SessionList, SessionRead,
};
use aiex_session::{
    At, ContentBlock, EventStore, FileChanges, Message, Recorded, Recorder, Role, Seq,
    SessionDocument, SessionId, SessionSummary, State, Task, TokenUsage, Transcript, appends_of,
    events_until, project,
};
use std::sync::Arc;

/// Events read at once.
const PAGE_EVENTS: usize = 1024;
/// Most sessions of one list.
pub const LIST_SESSIONS_MAX: usize = 1000;

/// A session as it was at one point.
#[derive(Debug, Clone)]
pub struct SessionView {
    pub summary: SessionSummary,
    pub transcript: Transcript,
    pub usage: TokenUsage,
    pub file_changes: FileChanges,
    pub events: Vec<Recorded>,
}

/// What `aiex show context` asks.
#[derive(Debug, Clone, Default)]
pub struct ContextQuestion {
    /// Empty: the session's last prompt.
    pub prompt: String,
    pub workspace_id: String,
    pub model: String,
}

impl Agent {
    /// Lists the sessions the caller may see and wants, newest first, at most [`LIST_SESSIONS_MAX`].
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        permit: &Permit<SessionList>,
        wanted: impl Fn(&SessionSummary) -> bool,
    ) -> Result<Vec<(SessionId, SessionSummary)>, Error> {
        let mut sessions = self.dependencies().store.summaries().await?;
        sessions.retain(|(_, summary)| permit.covers(&summary.owner).is_ok() && wanted(summary));
        sessions.sort_by_key(|(session, summary)| {
            (std::cmp::Reverse(summary.updated_unix_ms), *session)
        });
        sessions.truncate(LIST_SESSIONS_MAX);
        Ok(sessions)
    }

    /// Shows a session, as it is or as it was.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`], a refusal for somebody else's session, no such event, or the store's.
    pub async fn view(
        &self,
        permit: &Permit<SessionRead>,
        session: SessionId,
        at: Option<At>,
    ) -> Result<SessionView, Error> {
        self.check_owner(permit, session).await?;
        let events = read_all(self.dependencies(), session).await?;
        tasks::computing(move || {
            let events = match at {
                None => events,
                Some(at) => events_until(&events, at).map_err(wrong_point)?.to_vec(),
            };
            Ok(SessionView {
                summary: project(&events),
                transcript: project(&events),
                usage: project(&events),
                file_changes: project(&events),
                events,
            })
        })
        .await
    }

    /// Copies a session up to `at` (0: the head) into `target`, which the caller owns.
    ///
    /// # Errors
    /// As [`Agent::view`]; repeating it with the same target is harmless. A caller that goes away in the middle
    /// leaves a whole copy behind.
    pub async fn fork(
        &self,
        permit: &Permit<SessionFork>,
        session: SessionId,
        at: Seq,
        target: SessionId,
        title: Option<String>,
    ) -> Result<SessionSummary, Error> {
        self.check_owner(permit, session).await?;
        let events = read_all(self.dependencies(), session).await?;
        let recorder = self.recorder(&permit.principal().user);
        let copy = tasks::computing(move || {
            let head = events.last().map_or(0, |last| last.seq);
            let at = if at == 0 { head } else { at };
            aiex_session::fork(session, &events, at, title, &recorder).map_err(wrong_point)
        })
        .await?;
        self.write_copy(target, copy, format!("fork-{target}"))
            .await
    }

    /// The session as one document.
    ///
    /// # Errors
    /// As [`Agent::view`].
    pub async fn export(
        &self,
        permit: &Permit<SessionExport>,
        session: SessionId,
    ) -> Result<Vec<u8>, Error> {
        self.check_owner(permit, session).await?;
        let events = read_all(self.dependencies(), session).await?;
        tasks::computing(move || {
            aiex_session::export(session, &events)
                .map_err(|error| Error::Damaged(error.to_string()))
        })
        .await
    }

    /// Brings a document in as `target`; its owner stays who the document says only when that is the caller.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the damaged line; a session that exists already.
    pub async fn import(
        &self,
        permit: &Permit<SessionImport>,
        document: Vec<u8>,
        target: SessionId,
    ) -> Result<SessionSummary, Error> {
        let user = permit.principal().user.clone();
        let recorder = self.recorder(&user);
        let events = tasks::computing(move || brought_in(&document, &user, &recorder)).await?;
        self.write_copy(target, events, format!("import-{target}"))
            .await
    }

    /// Who owns a session.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`] or the store's.
    pub async fn owner(&self, session: SessionId) -> Result<String, Error> {
        let first = self.dependencies().store.read(session, 0, 1).await;
        let first = match first {
            Err(aiex_session::StoreError::NotFound) => return Err(Error::SessionNotFound(session)),
            other => other?,
        };
        let summary: SessionSummary = project(&first);
        match first.is_empty() {
            true => Err(Error::SessionNotFound(session)),
            false => Ok(summary.owner),
        }
    }

    /// The summary of a session the caller works in.
    ///
    /// # Errors
    /// A refusal for somebody else's session, or the store's.
    pub async fn summary<A: Marker>(
        &self,
        permit: &Permit<A>,
        session: SessionId,
    ) -> Result<SessionSummary, Error> {
        self.check_owner(permit, session).await?;
        let events = read_all(self.dependencies(), session).await?;
        Ok(project(&events))
    }

    /// What the next model call of the session would contain, item by item; `None` for a session not begun.
    ///
    /// # Errors
    /// As [`Agent::view`], and when the prompt cannot be assembled.
    pub async fn show_context(
        &self,
        permit: &Permit<SessionRead>,
        session: Option<SessionId>,
        wanted: ContextQuestion,
    ) -> Result<Assembled, Error> {
        let events = match session {
            None => Vec::new(),
            Some(session) => {
                self.check_owner(permit, session).await?;
                read_all(self.dependencies(), session).await?
            }
        };
        let dependencies = Arc::clone(self.dependencies());
        tasks::computing(move || {
            let call = context_call(&State::replay(&events), wanted);
            let shown = assembled(&dependencies, &call, &tool_specs(&call.task));
            shown.map_err(|failure| Error::Rejected {
                code: failure.code,
                message: failure.message,
                hint: failure.hint,
            })
        })
        .await
    }

    /// Writes a copy of several appends; half of one would be a session that nobody meant.
    async fn write_copy(
        &self,
        target: SessionId,
        events: Vec<Recorded>,
        request_id: String,
    ) -> Result<SessionSummary, Error> {
        let store = Arc::clone(&self.dependencies().store);
        let write = async move {
            for append in appends_of(target, &events, &request_id)? {
                store.append(append).await?;
            }
            Ok(project(&events))
        };
        tasks::to_the_end(self.tracker(), write).await
    }

    fn recorder(&self, user: &str) -> Recorder {
        Recorder {
            owner: user.to_owned(),
            actor: format!("user:{user}"),
            at_unix_ms: self.dependencies().clock.now_unix_ms(),
        }
    }
}

/// The events of an imported document, as a fork unless the document is the caller's own.
fn brought_in(document: &[u8], user: &str, recorder: &Recorder) -> Result<Vec<Recorded>, Error> {
    let document: SessionDocument =
        aiex_session::import(document).map_err(|error| Error::Rejected {
            code: "invalid_argument".to_owned(),
            message: format!("the file is not a session: {error}"),
            hint: error.hint,
        })?;
    let origin = document.session;
    let events = document.settled(recorder);
    let summary: SessionSummary = project(&events);
    if summary.owner == user {
        return Ok(events);
    }
    aiex_session::fork(origin, &events, summary.head_seq, None, recorder).map_err(wrong_point)
}

/// Reads a whole session.
///
/// # Errors
/// [`Error::SessionNotFound`] for one without events, or the store's.
pub(crate) async fn read_all(
    dependencies: &Dependencies,
    session: SessionId,
) -> Result<Vec<Recorded>, Error> {
    let store: &dyn EventStore = dependencies.store.as_ref();
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(0, |last| last.seq);
        let page = match store.read(session, after, PAGE_EVENTS).await {
            Err(aiex_session::StoreError::NotFound) => return Err(Error::SessionNotFound(session)),
            other => other?,
        };
        let last_page = page.len() < PAGE_EVENTS;
        events.extend(page);
        if last_page && events.is_empty() {
            return Err(Error::SessionNotFound(session));
        }
        if last_page {
            return Ok(events);
        }
    }
}

/// The call that would be made: the given prompt, or the session's last one.
fn context_call(state: &State, wanted: ContextQuestion) -> Call {
    let mut messages = state.messages.clone();
    let is_prompt = |message: &Message| {
        message.role == Role::User
            && message
                .content
                .iter()
                .any(|block| matches!(block, ContentBlock::Text { .. }))
    };
    let mut task = Task::Ask {
        text: wanted.prompt.clone(),
    };
    let last_prompt = messages.iter().rposition(is_prompt);
    let turn_begins = match last_prompt {
        Some(index) if wanted.prompt.is_empty() => {
            if let Some(ContentBlock::Text { text }) = messages[index].content.first() {
                task = Task::Ask { text: text.clone() };
            }
            messages.truncate(index + 1);
            index
        }
        _ => {
            let text = wanted.prompt;
            messages.push(Message {
                role: Role::User,
                content: vec![ContentBlock::Text { text }],
            });
            messages.len() - 1
        }
    };
    Call {
        call_id: String::new(),
        model: wanted.model,
        task,
        workspace_id: wanted.workspace_id,
        messages,
        turn_begins,
        project: state.project.clone(),
    }
}

pub(crate) fn denied(denied: aiex_security::Denied) -> Error {
    Error::Rejected {
        code: "permission_denied".to_owned(),
        message: denied.message,
        hint: denied.hint,
    }
}

fn wrong_point(error: aiex_session::Error) -> Error {
    Error::Rejected {
        code: "invalid_argument".to_owned(),
        message: error.to_string(),
        hint: "`aiex show session` lists the events with their numbers".to_owned(),
    }
}
