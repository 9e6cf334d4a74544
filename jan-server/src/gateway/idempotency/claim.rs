//! Whose turn it is: the first request with a key claims it, and a task of its own holds it until it is known how the
//! request ended. Whoever drops the claim without a word frees the key.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jan_core::record::{Millis, Records, TypedRecord};
use jan_core::{Clock, ErrorKind, Result, UserId, id};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::record::{Answer, Entry, Outcome};

/// How long an answer is kept.
pub(super) const KEPT: Millis = 24 * 60 * 60 * 1000;
/// How long a key stays claimed when nobody holds it any more: its process died.
pub(super) const LEASE: Millis = 60 * 1000;
/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often we try to claim a key that others free and claim at the same time.
const TRIES: usize = 8;

/// What a request with a key finds.
pub(super) enum Turn {
    /// It is the first: it is to be acted on.
    Mine(Claim),
    /// It was answered before.
    Answered(Answer),
    /// It was answered before with more than is kept.
    TooLarge,
    /// It is being acted on.
    Running,
    /// The key belongs to another request.
    OtherRequest,
}

/// Finds out whose turn it is. Dropping the future may leave the key claimed for as long as a lease lasts.
pub(super) async fn claim(
    records: Records<Entry>,
    clock: Arc<dyn Clock>,
    owner: &UserId,
    key: &str,
    asked: &str,
) -> Result<Turn> {
    for _ in 0..TRIES {
        let now = clock.millis();
        let entry = Entry { asked: asked.to_owned(), outcome: None };
        let new = TypedRecord::new(id::short("idem_"), now, entry).key(key).expires_at(now + LEASE);
        match records.insert(owner, &new).await {
            Ok(()) => {
                let holder = Holder { records, clock, owner: owner.clone(), id: new.id };
                return Ok(Turn::Mine(Claim::held_by(holder)));
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        // Somebody was here before; they may free the key before we look.
        let Some(known) = records.find(owner, key).await? else { continue };
        if known.expires_at.is_none_or(|at| at > now) {
            return Ok(seen(known.body, asked));
        }
        records.delete(owner, &known.id).await?;
    }
    Ok(Turn::Running)
}

fn seen(entry: Entry, asked: &str) -> Turn {
    match entry.outcome {
        _ if entry.asked != asked => Turn::OtherRequest,
        None => Turn::Running,
        Some(Outcome::Answered(answer)) => Turn::Answered(answer),
        Some(Outcome::TooLarge) => Turn::TooLarge,
    }
}

/// The right to act on a request. Dropping it frees the key.
pub(super) struct Claim(oneshot::Sender<End>);

/// How a claim ends, and whom to tell when that is kept.
struct End {
    outcome: Option<Outcome>,
    done: oneshot::Sender<()>,
}

/// Done when the end of a claim is kept, or could not be: then the log says why.
pub(super) struct Settled(oneshot::Receiver<()>);

impl Future for Settled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A holder that is gone tells nobody, and there is nothing to wait for.
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Claim {
    fn held_by(holder: Holder) -> Self {
        let (end, ended) = oneshot::channel();
        tokio::spawn(holder.hold(ended));
        Self(end)
    }

    /// Keeps how the request ended.
    pub(super) fn settle(self, outcome: Outcome) -> Settled {
        self.end(Some(outcome))
    }

    /// Frees the key.
    pub(super) fn free(self) -> Settled {
        self.end(None)
    }

    fn end(self, outcome: Option<Outcome>) -> Settled {
        let (done, settled) = oneshot::channel();
        // A holder may be gone with its runtime.
        let _ = self.0.send(End { outcome, done });
        Settled(settled)
    }
}

/// Holds one key.
struct Holder {
    records: Records<Entry>,
    clock: Arc<dyn Clock>,
    owner: UserId,
    id: String,
}

impl Holder {
    async fn hold(self, mut ended: oneshot::Receiver<End>) {
        let mut renewal = interval_at(Instant::now() + RENEWAL, RENEWAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                end = &mut ended => break end.ok(),
                _ = renewal.tick() => self.log("renewed", self.keep(LEASE, None).await),
            }
        };
        let (outcome, done) = end.map_or((None, None), |end| (end.outcome, Some(end.done)));
        match outcome {
            Some(outcome) => self.log("kept", self.keep(KEPT, Some(outcome)).await),
            None => self.log("freed", self.records.delete(&self.owner, &self.id).await.map(drop)),
        }
        if let Some(done) = done {
            // Whoever asked may have left.
            let _ = done.send(());
        }
    }

    async fn keep(&self, time: Millis, outcome: Option<Outcome>) -> Result<()> {
        let change = |known: &mut TypedRecord<Entry>| {
            known.expires_at = Some(self.clock.millis() + time);
            known.body.outcome.clone_from(&outcome);
            Ok(())
        };
        self.records.update(&self.owner, &self.id, change).await.map(drop)
    }

    /// What was made is made: its answer goes out, though it cannot be given again.
    fn log(&self, what: &'static str, result: Result<()>) {
        if let Err(error) = result {
            let error = jan_core::causes::Causes(&error);
            tracing::warn!(id = self.id, %error, "an idempotency key could not be {what}");
        }
    }
}
