//! Looking at sessions and copying them: list, show at a point in time, fork, export, import.

use crate::agent::{Agent, Dependencies};
use crate::error::Error;
use aiex_security::{
    Permit, SessionExport, SessionFork, SessionImport, SessionList, SessionRead,
};
use aiex_session::{
    At, EventStore, FileChanges, Recorded, Recorder, Seq, SessionDocument, SessionId,
    SessionSummary, TokenUsage, Transcript, appends_of, events_until, project,
};

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

impl Agent {
    /// Lists the sessions the caller may see, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, permit: &Permit<SessionList>) -> Result<Vec<(SessionId, SessionSummary)>, Error> {
        let dependencies = self.dependencies();
        let mut sessions = Vec::new();
        for (session, _head) in dependencies.store.list().await? {
            let events = read_all(dependencies, session).await?;
            let summary: SessionSummary = project(&events);
            if permit.covers(&summary.owner).is_ok() {
                sessions.push((session, summary));
            }
        }
        sessions.sort_by_key(|(session, summary)| (std::cmp::Reverse(summary.updated_unix_ms), *session));
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
        let events = read_all(self.dependencies(), session).await?;
        let summary: SessionSummary = project(&events);
        permit.covers(&summary.owner).map_err(denied)?;
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
    }

    /// Copies a session up to `at` (0: the head) into `target`, which the caller owns.
    ///
    /// # Errors
    /// As [`Agent::view`]; repeating it with the same target is harmless.
    pub async fn fork(
        &self,
        permit: &Permit<SessionFork>,
        session: SessionId,
        at: Seq,
        target: SessionId,
        title: Option<String>,
    ) -> Result<SessionSummary, Error> {
        let events = read_all(self.dependencies(), session).await?;
        let parent: SessionSummary = project(&events);
        permit.covers(&parent.owner).map_err(denied)?;
        let at = if at == 0 { parent.head_seq } else { at };
        let recorder = self.recorder(&permit.principal().user);
        let copy = aiex_session::fork(session, &events, at, title, &recorder).map_err(wrong_point)?;
        self.write_copy(target, &copy, &format!("fork-{target}")).await
    }

    /// The session as one document.
    ///
    /// # Errors
    /// As [`Agent::view`].
    pub async fn export(&self, permit: &Permit<SessionExport>, session: SessionId) -> Result<Vec<u8>, Error> {
        let events = read_all(self.dependencies(), session).await?;
        let summary: SessionSummary = project(&events);
        permit.covers(&summary.owner).map_err(denied)?;
        aiex_session::export(session, &events).map_err(|error| Error::Damaged(error.to_string()))
    }

    /// Brings a document in as `target`; its owner stays who the document says only when that is the caller.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the damaged line; a session that exists already.
    pub async fn import(
        &self,
        permit: &Permit<SessionImport>,
        document: &[u8],
        target: SessionId,
    ) -> Result<SessionSummary, Error> {
        let document: SessionDocument = aiex_session::import(document).map_err(|error| Error::Rejected {
            code: "invalid_argument".to_owned(),
            message: format!("the file is not a session: {error}"),
            hint: error.hint,
        })?;
        let user = permit.principal().user.clone();
        let origin = document.session;
        let events = document.settled(&self.recorder(&user));
        let summary: SessionSummary = project(&events);
        if summary.owner == user {
            return self.write_copy(target, &events, &format!("import-{target}")).await;
        }
        let recorder = self.recorder(&user);
        let copy = aiex_session::fork(origin, &events, summary.head_seq, None, &recorder).map_err(wrong_point)?;
        self.write_copy(target, &copy, &format!("import-{target}")).await
    }

    async fn write_copy(&self, target: SessionId, events: &[Recorded], request_id: &str) -> Result<SessionSummary, Error> {
        for append in appends_of(target, events, request_id)? {
            self.dependencies().store.append(append).await?;
        }
        Ok(project(events))
    }

    fn recorder(&self, user: &str) -> Recorder {
        Recorder {
            owner: user.to_owned(),
            actor: format!("user:{user}"),
            at_unix_ms: self.dependencies().clock.now_unix_ms(),
        }
    }
}

/// Reads a whole session.
///
/// # Errors
/// [`Error::SessionNotFound`] for one without events, or the store's.
pub(crate) async fn read_all(dependencies: &Dependencies, session: SessionId) -> Result<Vec<Recorded>, Error> {
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

fn denied(denied: aiex_security::Denied) -> Error {
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
