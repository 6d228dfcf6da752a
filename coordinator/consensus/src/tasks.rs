//! Every task this crate spawns.
//!
//! | task | owner | ends |
//! |---|---|---|
//! | proposer | [`crate::Group`] | when the group is shut down and its queue is empty |

use tokio::task::JoinHandle;

use crate::proposer::Proposer;

/// Starts the proposer of a group.
#[allow(clippy::disallowed_methods, reason = "the one file that spawns")]
pub(crate) fn spawn_proposer(proposer: Proposer) -> JoinHandle<()> {
    tokio::spawn(proposer.run())
}
