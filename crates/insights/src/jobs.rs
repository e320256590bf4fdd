//! Jobs: work that goes on after its request has been answered. A few run at a time, the others wait; a job that is
//! cancelled, or whose process ends, leaves nothing of its work behind.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use serde_json::Value as Json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use whodid_model::limits;

use crate::InsightError;
use crate::catalogue::{JobState, Page, PageRequest, StoredJob};
use crate::insights::Insights;

/// A job as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub stored: StoredJob,
    /// From 0 to 1.
    pub progress: f64,
}

/// What a job that has done its work has to say.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    pub report: Json,
    /// The segment that it has made.
    pub segment_id: Option<String>,
}

/// What a job's work gets to hold. Clones are of the same job.
#[derive(Clone, Debug)]
pub struct JobContext {
    pub id: String,
    signals: Arc<Signals>,
}

#[derive(Debug, Default)]
struct Signals {
    cancelled: AtomicBool,
    /// Cancelled because the process ends, and not because somebody asked for it.
    stopping: AtomicBool,
    wake: Notify,
    progress_ppm: AtomicU32,
}

impl JobContext {
    /// Notes how far the work is, from 0 to 1.
    pub fn progress(&self, done: f64) {
        self.signals.progress_ppm.store((done.clamp(0.0, 1.0) * 1e6) as u32, Ordering::Relaxed);
    }

    /// To be asked every now and then. Errors: `Cancelled` once the work is no longer wanted.
    pub fn check(&self) -> Result<(), InsightError> {
        if self.signals.cancelled.load(Ordering::Relaxed) { Err(InsightError::Cancelled) } else { Ok(()) }
    }
}

impl Signals {
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    fn progress(&self) -> f64 {
        f64::from(self.progress_ppm.load(Ordering::Relaxed)) / 1e6
    }
}

pub(crate) struct Jobs {
    slots: Arc<Semaphore>,
    live: Arc<Mutex<HashMap<String, Live>>>,
}

struct Live {
    signals: Arc<Signals>,
    task: JoinHandle<()>,
}

impl Jobs {
    pub(crate) fn new() -> Jobs {
        Jobs { slots: Arc::new(Semaphore::new(limits::RUNNING_JOBS)), live: Arc::default() }
    }
}

impl Insights {
    /// Starts a job of a kind such as `segment_import`. What its work answers becomes its report.
    ///
    /// Errors: `Conflict` when too many jobs wait already.
    pub async fn run_job<W, F>(
        &self,
        kind: &str,
        segment_id: Option<String>,
        work: W,
    ) -> Result<Job, InsightError>
    where
        W: FnOnce(JobContext) -> F + Send + 'static,
        F: Future<Output = Result<Finished, InsightError>> + Send + 'static,
    {
        let jobs = &self.inner.jobs;
        if jobs.live.lock().len() >= limits::RUNNING_JOBS + limits::WAITING_JOBS {
            let message =
                format!("{} jobs are waiting already; try again when some are done", limits::WAITING_JOBS);
            return Err(InsightError::Conflict { message, users: Vec::new() });
        }
        let stored = self.catalogue().insert_job(kind, segment_id).await?;
        let signals = Arc::new(Signals::default());
        let context = JobContext { id: stored.id.clone(), signals: signals.clone() };
        let (insights, slots, live) = (self.clone(), jobs.slots.clone(), jobs.live.clone());
        let id = stored.id.clone();
        // The job takes itself out of the map; the lock keeps it from doing so before it is in there.
        let mut locked = jobs.live.lock();
        let task = tokio::spawn(async move {
            insights.see_to(&slots, &context, work).await;
            live.lock().remove(&context.id);
        });
        locked.insert(id, Live { signals, task });
        drop(locked);
        Ok(Job { stored, progress: 0.0 })
    }

    async fn see_to<W, F>(&self, slots: &Arc<Semaphore>, context: &JobContext, work: W)
    where
        W: FnOnce(JobContext) -> F + Send + 'static,
        F: Future<Output = Result<Finished, InsightError>> + Send + 'static,
    {
        let slot = tokio::select! {
            slot = slots.acquire() => slot.ok(),
            () = context.signals.wake.notified() => None,
        };
        let outcome = match slot {
            None => Err(InsightError::Cancelled),
            Some(_) => match self.catalogue().start_job(&context.id).await {
                Err(error) => Err(error),
                Ok(()) => match tokio::spawn(work(context.clone())).await {
                    Ok(outcome) => outcome,
                    Err(stopped) => {
                        tracing::error!(job = context.id, %stopped, "a job did not end by itself");
                        Err(InsightError::Stopped)
                    }
                },
            },
        };
        let stopping = context.signals.stopping.load(Ordering::Relaxed);
        let (state, finished, error) = match outcome {
            Ok(finished) => (JobState::Done, finished, None),
            Err(InsightError::Cancelled) if stopping => {
                let reason = "the server was stopped; nothing of the job was kept: start it again";
                (JobState::Failed, Finished::default(), Some(reason.to_string()))
            }
            Err(InsightError::Cancelled) => (JobState::Cancelled, Finished::default(), None),
            Err(InsightError::Invalid { message, hint: Some(hint), .. }) => {
                (JobState::Failed, Finished::default(), Some(format!("{message}; {hint}")))
            }
            Err(error) => (JobState::Failed, Finished::default(), Some(error.to_string())),
        };
        let Finished { report, segment_id } = finished;
        let report = (!report.is_null()).then_some(report);
        if let Err(error) = self.catalogue().end_job(&context.id, state, segment_id, report, error).await {
            tracing::error!(job = context.id, %error, "the end of a job could not be noted");
        }
    }

    fn as_job(&self, stored: StoredJob) -> Job {
        let live = self.inner.jobs.live.lock();
        let running = live.get(&stored.id).map(|live| live.signals.progress());
        let progress = match stored.state {
            JobState::Done => 1.0,
            _ => running.unwrap_or_default(),
        };
        Job { stored, progress }
    }

    pub async fn job(&self, id: &str) -> Result<Job, InsightError> {
        Ok(self.as_job(self.catalogue().stored_job(id).await?))
    }

    /// The newest first.
    pub async fn list_jobs(&self, page: &PageRequest) -> Result<Page<Job>, InsightError> {
        let page = self.catalogue().stored_jobs(page).await?;
        Ok(Page { items: page.items.into_iter().map(|job| self.as_job(job)).collect(), next: page.next })
    }

    /// Asks a job to stop. Errors: `NotFound`; `Conflict` for one that is over.
    pub async fn cancel_job(&self, id: &str) -> Result<(), InsightError> {
        let stored = self.catalogue().stored_job(id).await?;
        let live = self.inner.jobs.live.lock();
        match live.get(id) {
            Some(live) => {
                live.signals.cancel();
                Ok(())
            }
            None => Err(InsightError::Conflict {
                message: format!("the job is over already: it is {}", stored.state.name()),
                users: Vec::new(),
            }),
        }
    }

    /// Cancels all jobs and waits until they have stopped: to be called before the process ends.
    pub async fn stop_jobs(&self) {
        let live: Vec<Live> = self.inner.jobs.live.lock().drain().map(|(_, live)| live).collect();
        for job in &live {
            job.signals.stopping.store(true, Ordering::Relaxed);
            job.signals.cancel();
        }
        for job in live {
            job.task.await.ok();
        }
    }

    /// The lines that a job's file had and that were left out, as CSV; none if there were none.
    pub fn rejects_file(&self, job: &str) -> Option<std::path::PathBuf> {
        let path = self.job_folder().join(format!("{job}.rejects.csv"));
        path.is_file().then_some(path)
    }

    pub(crate) fn job_folder(&self) -> std::path::PathBuf {
        self.inner.store.root().join("jobs")
    }
}
