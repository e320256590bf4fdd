//! Whose turn it is: so many questions at a time, and who asks much waits behind who asks little.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::EngineError;

tokio::task_local! {
    static ASKER: u64;
}

/// Runs `work` on behalf of somebody: questions of different askers take turns.
pub async fn asked_by<F: Future>(asker: u64, work: F) -> F::Output {
    ASKER.scope(asker, work).await
}

/// The queue. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    at_once: usize,
    waiting_most: usize,
    running: usize,
    /// Those who wait, by asker; the asker whose turn is next stands first.
    waiting: VecDeque<(u64, VecDeque<oneshot::Sender<Turn>>)>,
}

/// The right to run one question; the next one begins when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Turns);

impl Turns {
    pub(crate) fn new(at_once: usize, waiting_most: usize) -> Turns {
        let queue = Queue { at_once: at_once.max(1), waiting_most, running: 0, waiting: VecDeque::new() };
        Turns(Arc::new(Mutex::new(queue)))
    }

    pub(crate) fn set(&self, at_once: usize, waiting_most: usize) {
        let mut queue = self.0.lock();
        (queue.at_once, queue.waiting_most) = (at_once.max(1), waiting_most);
    }

    /// How many run and how many wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queue = self.0.lock();
        (queue.running, queue.waiting())
    }

    /// Waits for a turn. Errors: [`EngineError::Busy`] when too many wait already.
    pub(crate) async fn wait(&self) -> Result<Turn, EngineError> {
        let asker = ASKER.try_with(|asker| *asker).unwrap_or_default();
        let given = {
            let mut queue = self.0.lock();
            if queue.running < queue.at_once && queue.waiting.is_empty() {
                queue.running += 1;
                return Ok(Turn(self.clone()));
            }
            if queue.waiting() >= queue.waiting_most {
                queue.forget_gone();
                if queue.waiting() >= queue.waiting_most {
                    return Err(EngineError::Busy { waiting: queue.waiting() });
                }
            }
            let (give, given) = oneshot::channel();
            match queue.waiting.iter_mut().find(|(other, _)| *other == asker) {
                Some((_, questions)) => questions.push_back(give),
                None => queue.waiting.push_back((asker, VecDeque::from([give]))),
            }
            given
        };
        given.await.map_err(|_| EngineError::Busy { waiting: 0 })
    }

    /// A turn has become free: it goes to whoever is next. If that one goes away at this very moment, the turn that is
    /// dropped comes back here.
    fn pass_on(&self) {
        let next = {
            let mut queue = self.0.lock();
            queue.running -= 1;
            let next = if queue.running < queue.at_once { queue.next() } else { None };
            queue.running += usize::from(next.is_some());
            next
        };
        if let Some(next) = next {
            drop(next.send(Turn(self.clone())));
        }
    }
}

impl Queue {
    fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, questions)| questions.len()).sum()
    }

    /// The oldest question of the asker whose turn it is, who then stands last.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        self.forget_gone();
        let (asker, mut questions) = self.waiting.pop_front()?;
        let next = questions.pop_front();
        if !questions.is_empty() {
            self.waiting.push_back((asker, questions));
        }
        next
    }

    fn forget_gone(&mut self) {
        for (_, questions) in &mut self.waiting {
            questions.retain(|question| !question.is_closed());
        }
        self.waiting.retain(|(_, questions)| !questions.is_empty());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn askers_take_turns_and_too_many_are_refused() {
        let turns = Turns::new(1, 4);
        let first = turns.wait().await.unwrap();
        let done = Arc::new(Mutex::new(Vec::new()));
        let mut asked = Vec::new();
        for (asker, name) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1")] {
            let (turns, done) = (turns.clone(), done.clone());
            asked.push(tokio::spawn(asked_by(asker, async move {
                let _turn = turns.wait().await.unwrap();
                done.lock().push(name);
            })));
            settle().await;
        }
        assert_eq!(turns.load(), (1, 4));
        assert!(matches!(turns.wait().await, Err(EngineError::Busy { waiting: 4 })));
        // One who goes away holds nothing up.
        asked.remove(1).abort();
        settle().await;
        drop(first);
        for question in asked {
            question.await.unwrap();
        }
        assert_eq!(*done.lock(), ["a1", "b1", "a3"]);
        assert_eq!(turns.load(), (0, 0));
    }

    #[tokio::test]
    async fn a_larger_number_is_used_from_the_next_turn_on() {
        let turns = Turns::new(1, 4);
        let first = turns.wait().await.unwrap();
        turns.set(2, 4);
        let second = turns.wait().await.unwrap();
        assert_eq!(turns.load(), (2, 0));
        turns.set(1, 4);
        drop(first);
        assert_eq!(turns.load(), (1, 0));
        drop(second);
    }
}
