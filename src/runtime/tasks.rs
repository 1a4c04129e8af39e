//! Work that runs beside the actors, on the IO runtime.
//!
//! Connections stall and die with the runtime that opened them, so that everything that touches
//! the database, the broker or a provider runs here and never on an arbiter.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Spawns named tasks on the IO runtime, reports their panics, and knows which are unfinished.
#[derive(Debug, Clone)]
pub struct Tasks {
    handle: Handle,
    running: Arc<RunningTasks>,
}

#[derive(Debug, Default)]
struct RunningTasks {
    counts: Mutex<BTreeMap<&'static str, usize>>,
    ended: Notify,
}

impl Tasks {
    /// Tasks on this runtime.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self {
            handle,
            running: Arc::default(),
        }
    }

    /// The runtime that the tasks run on.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts a task. A panic in it is logged with the task's name and ends only the task.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns tasks")]
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let entry = TaskEntry::new(name, Arc::clone(&self.running));
        // No `async` block around it: that would keep room for the task twice, and move it once more.
        self.handle
            .spawn(AssertUnwindSafe(task).catch_unwind().map(move |ended| {
                let _entry = entry;
                if let Err(panic) = ended {
                    tracing::error!(task = name, panic = panic_text(&*panic), "a task panicked");
                }
            }))
    }

    /// Starts work that keeps a processor busy, on a thread beside those of the runtime. It cannot be
    /// interrupted, so that it must end by itself. A panic in it is logged with the work's name.
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        let entry = TaskEntry::new(name, Arc::clone(&self.running));
        let work = AssertUnwindSafe(work);
        drop(self.handle.spawn_blocking(move || {
            let _entry = entry;
            if let Err(panic) = catch_unwind(work) {
                tracing::error!(task = name, panic = panic_text(&*panic), "work panicked");
            }
        }));
    }

    /// Which tasks are unfinished, with how many of each.
    #[must_use]
    pub fn unfinished(&self) -> BTreeMap<&'static str, usize> {
        self.running.lock().clone()
    }

    /// Waits until none of the tasks of this name is left.
    pub async fn finished(&self, name: &str) {
        loop {
            let ended = self.running.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if !self.running.lock().contains_key(name) {
                return;
            }
            ended.await;
        }
    }
}

impl RunningTasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a task as long as it lives.
struct TaskEntry {
    name: &'static str,
    running: Arc<RunningTasks>,
}

impl TaskEntry {
    fn new(name: &'static str, running: Arc<RunningTasks>) -> Self {
        *running.lock().entry(name).or_default() += 1;
        Self { name, running }
    }
}

impl Drop for TaskEntry {
    fn drop(&mut self) {
        let mut counts = self.running.lock();
        if let Some(count) = counts.get_mut(self.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(self.name);
            }
        }
        drop(counts);
        self.running.ended.notify_waiters();
    }
}

/// The words of a panic, as far as it has any.
#[must_use]
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_task_and_the_task_is_no_longer_unfinished() {
        let tasks = Tasks::new(Handle::current());
        let hanging = tasks.spawn("hanging", std::future::pending());
        tasks.spawn("dying", async { panic!("on purpose") });
        tasks.finished("dying").await;
        tasks.spawn_blocking("dying at work", || panic!("on purpose"));
        tasks.finished("dying at work").await;
        assert_eq!(tasks.unfinished(), BTreeMap::from([("hanging", 1)]));
        hanging.abort();
        tasks.finished("hanging").await;
        assert!(tasks.unfinished().is_empty());
    }
}
