//! Questions that are put together: whoever comes while some are being answered goes with the next.
//!
//! The busier the engine, the larger the batches, and nobody waits for others who may come. However many ask,
//! they take one connection at a time. A question that cannot be answered fails alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Puts questions together, one batch at a time.
#[derive(Debug)]
pub struct Coalescer<Q, A> {
    waiting: Mutex<Vec<(Q, oneshot::Sender<A>)>>,
    batch_lock: tokio::sync::Mutex<()>,
}

impl<Q, A> Default for Coalescer<Q, A> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            batch_lock: tokio::sync::Mutex::default(),
        }
    }
}

impl<Q: Clone, A> Coalescer<Q, A> {
    /// Asks with all who wait by then. `answer_all` has an answer for each question, in their order, or
    /// none when there is no more time; it begins after the question was asked. Whoever asks for others and
    /// ends without an answer, be it by a panic, has not answered them: each of those asks again, alone.
    pub async fn ask<F>(&self, question: Q, answer_all: impl FnOnce(Vec<Q>) -> F) -> Option<A>
    where
        F: Future<Output = Option<Vec<A>>>,
    {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push((question.clone(), answer));
        let turn = tokio::select! {
            biased;
            answer = &mut answered => match answer {
                Ok(answer) => return Some(answer),
                Err(_) => return self.ask_alone(question, answer_all).await,
            },
            turn = self.batch_lock.lock() => turn,
        };
        // Both may have come at once.
        match answered.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => {}
            Ok(answer) => return Some(answer),
            Err(oneshot::error::TryRecvError::Closed) => {
                drop(turn);
                return self.ask_alone(question, answer_all).await;
            }
        }
        let waiting = std::mem::take(&mut *self.waiting());
        let (questions, answers): (Vec<Q>, Vec<_>) = waiting.into_iter().unzip();
        let all = answer_all(questions).await?;
        for (answer, to_it) in answers.into_iter().zip(all) {
            // One that has been dropped meanwhile needs no answer.
            let _ = answer.send(to_it);
        }
        answered.try_recv().ok()
    }

    /// Asks in a turn of its own: the question at which others came to grief may be any.
    async fn ask_alone<F>(&self, question: Q, answer_all: impl FnOnce(Vec<Q>) -> F) -> Option<A>
    where
        F: Future<Output = Option<Vec<A>>>,
    {
        let _turn = self.batch_lock.lock().await;
        answer_all(vec![question]).await?.pop()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Q, oneshot::Sender<A>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn whoever_comes_meanwhile_goes_with_the_next_batch() {
        let (coalescer, batches) = (&Coalescer::default(), &AtomicUsize::new(0));
        let ask = |question: usize| {
            coalescer.ask(question, move |questions: Vec<usize>| {
                batches.fetch_add(1, Ordering::Relaxed);
                async {
                    tokio::task::yield_now().await;
                    Some(questions.into_iter().map(|it| it * 2).collect())
                }
            })
        };
        let (first, others) = tokio::join!(ask(0), join_all((1..100).map(ask)));
        assert_eq!(first, Some(0));
        let expected: Vec<Option<usize>> = (1..100).map(|it| Some(it * 2)).collect();
        assert_eq!(others, expected);
        assert_eq!(batches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn nobody_is_answered_when_all_give_up() {
        let coalescer: Coalescer<u8, u8> = Coalescer::default();
        let ask = || coalescer.ask(1, |_| std::future::ready(None));
        assert_eq!(tokio::join!(ask(), ask()), (None, None));
    }

    #[tokio::test]
    async fn whoever_is_not_answered_by_another_asks_again_and_only_the_bad_question_fails() {
        let coalescer = &Coalescer::default();
        let ask = |question: u32| async move {
            let asked = coalescer.ask(question, |questions: Vec<u32>| async move {
                tokio::task::yield_now().await;
                assert!(!questions.contains(&13), "a bad question");
                Some(questions.into_iter().map(|it| it * 2).collect())
            });
            AssertUnwindSafe(asked).catch_unwind().await.ok().flatten()
        };
        let answers = join_all((0..20).map(ask)).await;
        let unanswered: Vec<usize> = (0..20).filter(|at| answers[*at].is_none()).collect();
        // Number one asked for all who came while the first was asking, and for the bad one with them.
        assert_eq!(unanswered, [1, 13]);
        let given_up = async { coalescer.ask(0, |_| std::future::ready(None)).await };
        assert_eq!(tokio::join!(given_up, ask(3)), (None, Some(6)));
    }
}
