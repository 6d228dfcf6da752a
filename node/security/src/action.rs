//! The actions of the service, one list: name, marker type, and the calls that need it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A zero-sized type that stands for one action, so that a permit for one cannot pass for another.
pub trait Marker: Copy + Send + Sync + 'static + sealed::Sealed {
    const ACTION: Action;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal [$($rpc:literal),*];)+) => {
        /// What a call does, as the permission table sees it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Action {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Gives the dotted name used in messages and audit records.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Finds the action of a gRPC call by its path, as `/aiex.v1.Sessions/Attach`.
            /// `None` means the call is not declared here and must be refused.
            pub fn of_rpc(path: &str) -> Option<Self> {
                match path.strip_prefix("/aiex.v1.")? {
                    $($($rpc => Some(Self::$name),)*)+
                    _ => None,
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl sealed::Sealed for $name {}
            impl Marker for $name {
                const ACTION: Action = Action::$name;
            }
        )+
    };
}

actions! {
    /// Reads a session's content.
    SessionRead = "session.read" ["Sessions/Get", "Sessions/ShowContext"];
    /// Prompts, answers and tool results within a session.
    SessionWrite = "session.write" ["Sessions/Attach"];
    /// Starts a session.
    SessionCreate = "session.create" ["Sessions/Create"];
    /// Lists sessions without their content.
    SessionList = "session.list" ["Sessions/List"];
    /// Copies a session into a new one of the caller.
    SessionFork = "session.fork" ["Sessions/Fork"];
    /// Closes a session for good.
    SessionArchive = "session.archive" ["Sessions/Archive"];
    /// Takes a session's whole document out.
    SessionExport = "session.export" ["Sessions/Export"];
    /// Brings a session's document in.
    SessionImport = "session.import" ["Sessions/Import"];
    /// Declares and uploads a project's files.
    WorkspaceWrite = "workspace.write" ["Workspaces/Sync", "Workspaces/Upload"];
    /// Searches a project's files.
    WorkspaceRead = "workspace.read" ["Workspaces/Search"];
    /// Sees nodes and shards.
    ClusterRead = "cluster.read" ["Cluster/ShowNode", "Cluster/ListNodes", "Cluster/ListShards"];
    /// Sees which models can be asked.
    ModelList = "model.list" ["Cluster/ListModels"];
    /// Makes a token.
    TokenCreate = "token.create" ["Admin/CreateToken"];
    /// Lists tokens, never their secrets.
    TokenList = "token.list" ["Admin/ListTokens"];
    /// Ends a token.
    TokenRevoke = "token.revoke" ["Admin/RevokeToken"];
    /// Sees one's own name and roles.
    ProfileRead = "profile.read" ["Admin/WhoAmI"];
    /// Reads metrics and diagnostics.
    OperationsRead = "operations.read" [];
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
