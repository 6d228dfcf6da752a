//! Which groups of this node peers can reach.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use aiex_storage::GroupId;
use openraft::Raft;

use crate::{machine_adapter::GroupMachine, types::Types};

pub(super) type Group = Raft<Types, GroupMachine>;

/// The groups that run, by id.
#[derive(Default)]
pub(super) struct Routes(RwLock<HashMap<GroupId, Group>>);

impl Routes {
    pub(super) fn find(&self, group: GroupId) -> Option<Group> {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&group).cloned()
    }

    pub(super) fn add(&self, id: GroupId, group: Group) {
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        groups.insert(id, group);
    }

    pub(super) fn remove(&self, id: GroupId) {
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        groups.remove(&id);
    }
}
