//! Running plans, within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use parking_lot::Mutex;
use tracing::Instrument;
use whodid_model::limits;

use crate::error::EngineError;
use crate::memory::Memory;
use crate::subjects::KnownSubjects;
use crate::turns::Turns;

/// What all questions together may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Questions that run at the same time.
    pub at_once: usize,
    /// Questions that wait for their turn; more are refused.
    pub waiting: usize,
    /// How long a question may run, once it is its turn.
    pub time: Duration,
    pub memory_bytes: usize,
}

impl Default for QueryLimits {
    fn default() -> QueryLimits {
        QueryLimits {
            at_once: limits::QUERIES_AT_ONCE,
            waiting: limits::QUERIES_WAITING,
            time: Duration::from_secs(limits::QUERY_SECONDS),
            memory_bytes: limits::QUERY_MEMORY_BYTES,
        }
    }
}

/// How the engine is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStatus {
    pub running: usize,
    pub waiting: usize,
    pub memory_bytes: usize,
    /// Since the start.
    pub finished: u64,
    pub failed: u64,
    pub refused: u64,
    pub out_of_time: u64,
    pub busy_us: u64,
}

/// Plans and runs questions. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    session: SessionContext,
    subjects: Arc<KnownSubjects>,
    bounds: Arc<Bounds>,
}

struct Bounds {
    turns: Turns,
    memory: Arc<Memory>,
    time: Mutex<Duration>,
    finished: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    out_of_time: AtomicU64,
    busy_us: AtomicU64,
}

impl Engine {
    /// `partitions` is how many buckets are worked on at the same time, usually the number of cores.
    pub fn new(partitions: usize) -> Engine {
        let given = QueryLimits::default();
        let memory = Arc::new(Memory::new(given.memory_bytes));
        let config = SessionConfig::new().with_target_partitions(partitions.max(1));
        let mut state = SessionStateBuilder::new().with_config(config).with_default_features();
        // It fails only over folders for spilling, which nothing here uses.
        if let Ok(runtime) = RuntimeEnvBuilder::new().with_memory_pool(memory.clone()).build_arc() {
            state = state.with_runtime_env(runtime);
        }
        let bounds = Arc::new(Bounds {
            turns: Turns::new(given.at_once, given.waiting),
            memory,
            time: Mutex::new(given.time),
            finished: AtomicU64::default(),
            failed: AtomicU64::default(),
            refused: AtomicU64::default(),
            out_of_time: AtomicU64::default(),
            busy_us: AtomicU64::default(),
        });
        Engine { session: SessionContext::new_with_state(state.build()), bounds, subjects: Arc::default() }
    }

    pub(crate) fn known_subjects(&self) -> &Arc<KnownSubjects> {
        &self.subjects
    }

    /// From now on; questions that run go on.
    pub fn set_limits(&self, limits: &QueryLimits) {
        self.bounds.turns.set(limits.at_once, limits.waiting);
        self.bounds.memory.set(limits.memory_bytes);
        *self.bounds.time.lock() = limits.time;
    }

    pub fn status(&self) -> EngineStatus {
        let bounds = &self.bounds;
        let (running, waiting) = bounds.turns.load();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineStatus {
            running,
            waiting,
            memory_bytes: bounds.memory.reserved(),
            finished: count(&bounds.finished),
            failed: count(&bounds.failed),
            refused: count(&bounds.refused),
            out_of_time: count(&bounds.out_of_time),
            busy_us: count(&bounds.busy_us),
        }
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Runs a plan to its end, when it is its turn. Dropping the future stops the work between two buckets.
    ///
    /// Errors: [`EngineError::Busy`] when too many questions wait, [`EngineError::OutOfTime`] when it takes too long.
    pub(crate) async fn run(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>, EngineError> {
        let bounds = &self.bounds;
        let add = |counter: &AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
        let waiting = tracing::info_span!("wait for a turn");
        let turn = bounds.turns.wait().instrument(waiting).await.inspect_err(|_| {
            add(&bounds.refused, 1);
        })?;
        let time = *bounds.time.lock();
        let started = Instant::now();
        let work = self.work(plan).instrument(tracing::info_span!("query"));
        let outcome = tokio::time::timeout(time, work).await;
        drop(turn);
        add(&bounds.busy_us, started.elapsed().as_micros() as u64);
        match outcome {
            Ok(Ok(batches)) => {
                add(&bounds.finished, 1);
                Ok(batches)
            }
            Ok(Err(error)) => {
                add(&bounds.failed, 1);
                Err(error)
            }
            Err(_) => {
                add(&bounds.out_of_time, 1);
                Err(EngineError::OutOfTime { seconds: time.as_secs_f64() })
            }
        }
    }

    async fn work(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>, EngineError> {
        let plan = self.session.state().create_physical_plan(&plan).await?;
        tracing::debug!(plan = %displayable(plan.as_ref()).one_line(), "running");
        let batches = collect(plan.clone(), self.session.task_ctx()).await?;
        tell(plan.as_ref());
        Ok(batches)
    }
}

/// What each operator of a plan took, for traces.
fn tell(plan: &dyn ExecutionPlan) {
    if let Some(metrics) = plan.metrics() {
        let busy_us = metrics.elapsed_compute().map_or(0, |nanos| nanos / 1_000);
        let rows = metrics.output_rows().unwrap_or_default();
        let _operator = tracing::info_span!("operator", name = plan.name(), busy_us, rows).entered();
    }
    plan.children().into_iter().for_each(|child| tell(child.as_ref()));
}
