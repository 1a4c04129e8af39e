//! All webhooks, by id.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::endpoint::{WebhookEndpoint, WebhookProfile};

/// All webhooks whose secret can be opened.
#[derive(Debug, Default)]
pub(super) struct WebhookEndpoints(Mutex<HashMap<Uuid, Arc<WebhookEndpoint>>>);

impl WebhookEndpoints {
    /// These there are now; what is in hand for one that is still there stays so.
    pub(super) fn put(&self, profiles: Vec<WebhookProfile>, concurrency: usize) {
        let mut endpoints = self.lock();
        let ids: HashSet<Uuid> = profiles.iter().map(|profile| profile.id).collect();
        // Whoever still has it in hand finds it disabled.
        for gone in endpoints.extract_if(|id, _| !ids.contains(id)) {
            gone.1.end();
        }
        for profile in profiles {
            match endpoints.get(&profile.id) {
                Some(known) => known.put(profile),
                None => {
                    let (id, made) = (profile.id, WebhookEndpoint::new(profile, concurrency));
                    endpoints.insert(id, Arc::new(made));
                }
            }
        }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Arc<WebhookEndpoint>> {
        self.lock().get(&id).cloned()
    }

    /// Each with its room: of these, and of those that want more; or of all.
    pub(super) fn rooms(&self, told: Option<&HashSet<Uuid>>) -> Vec<(Uuid, usize)> {
        let mut rooms = vec![];
        for (id, endpoint) in self.lock().iter() {
            let is_told = told.is_none_or(|told| told.contains(id));
            if !is_told && !endpoint.wants_more() {
                continue;
            }
            match endpoint.room() {
                0 => endpoint.set_crowded(true),
                room => rooms.push((*id, room)),
            }
        }
        rooms
    }

    /// Whether one wants more.
    pub(super) fn want_more(&self) -> bool {
        self.lock().values().any(|endpoint| endpoint.wants_more())
    }

    /// Those that are disabled.
    pub(super) fn disabled(&self) -> Vec<Uuid> {
        let endpoints = self.lock();
        let profiles = endpoints.values().map(|endpoint| endpoint.profile());
        let disabled = profiles.filter(|profile| !profile.is_active);
        disabled.map(|profile| profile.id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<WebhookEndpoint>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
