//! The lease of a key. The first request with a key inserts its record, and a task of its own renews the record until
//! the outcome of the request is known. Dropping the [`KeyLease`] without an outcome releases the key.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jan_core::record::{Millis, Records, TypedRecord};
use jan_core::{Clock, ErrorKind, Result, UserId, id};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::record::{KeyRecord, Outcome, StoredReply};

/// How long a stored reply can be replayed, in milliseconds.
pub(super) const REPLY_LIFETIME: Millis = 24 * 60 * 60 * 1000;
/// How long a key stays taken after the last renewal, in milliseconds: this long, if the process dies.
pub(super) const LEASE: Millis = 60 * 1000;
/// The time between two renewals. A failed renewal is followed by another before the lease expires.
const RENEWAL: Duration = Duration::from_secs(20);
/// The most attempts to acquire a key that other requests acquire and release at the same time.
const ATTEMPTS: usize = 8;

/// The state of a key for a request that carries it.
pub(super) enum KeyState {
    /// The key was free and is now held by this request, which must run.
    Acquired(KeyLease),
    /// The same request was answered before with this reply.
    Answered(StoredReply),
    /// The same request was answered before with a reply that was too large to be stored.
    TooLarge,
    /// The same request still runs.
    Running,
    /// The key was used for another request.
    OtherRequest,
}

/// Acquires the key, or returns its state. The insert decides: the store accepts only one record with this key, so of
/// two requests at the same time only one acquires it. Dropping the future after the insert leaves the key taken until
/// its lease expires.
pub(super) async fn acquire(
    records: Records<KeyRecord>,
    clock: Arc<dyn Clock>,
    owner: &UserId,
    key: &str,
    digest: &str,
) -> Result<KeyState> {
    for _ in 0..ATTEMPTS {
        let now = clock.millis();
        let record = KeyRecord { digest: digest.to_owned(), outcome: None };
        let new = TypedRecord::new(id::short("idem_"), now, record).key(key).expires_at(now + LEASE);
        match records.insert(owner, &new).await {
            Ok(()) => {
                let task = LeaseTask { records, clock, owner: owner.clone(), id: new.id };
                return Ok(KeyState::Acquired(KeyLease::start(task)));
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        // Another request holds the key. It may release it between our insert and this look-up: then we try again.
        let Some(known) = records.find(owner, key).await? else { continue };
        if known.expires_at.is_none_or(|at| at > now) {
            return Ok(state_of(known.body, digest));
        }
        // The lease has expired. The record is deleted by its id, not by the key: if another request has replaced it in
        // the meantime, the new record stays.
        records.delete(owner, &known.id).await?;
    }
    Ok(KeyState::Running)
}

fn state_of(record: KeyRecord, digest: &str) -> KeyState {
    match record.outcome {
        _ if record.digest != digest => KeyState::OtherRequest,
        None => KeyState::Running,
        Some(Outcome::Answered(reply)) => KeyState::Answered(reply),
        Some(Outcome::TooLarge) => KeyState::TooLarge,
    }
}

/// The right to run the request of a key. Dropping it releases the key.
pub(super) struct KeyLease(oneshot::Sender<LeaseEnd>);

/// The end of a lease: the outcome to store, and the sender that is notified when that is done. Without an outcome the
/// key is released.
struct LeaseEnd {
    outcome: Option<Outcome>,
    done: oneshot::Sender<()>,
}

/// Completes when the end of a lease has been stored, or could not be; the log has the reason then.
pub(super) struct Stored(oneshot::Receiver<()>);

impl Future for Stored {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // An error means that the task is gone; then there is nothing to wait for.
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl KeyLease {
    fn start(task: LeaseTask) -> Self {
        let (end, ended) = oneshot::channel();
        tokio::spawn(task.run(ended));
        Self(end)
    }

    /// Stores the outcome of the request.
    pub(super) fn store(self, outcome: Outcome) -> Stored {
        self.end(Some(outcome))
    }

    /// Releases the key.
    pub(super) fn release(self) -> Stored {
        self.end(None)
    }

    fn end(self, outcome: Option<Outcome>) -> Stored {
        let (done, stored) = oneshot::channel();
        // Fails only if the task is gone because its runtime was shut down.
        let _ = self.0.send(LeaseEnd { outcome, done });
        Stored(stored)
    }
}

/// The task that holds one key: renews its record, and stores the outcome at the end. It is a task of its own, so that
/// the record is also updated when the future of the request is dropped. If the process is suspended for longer than
/// the lease, another request may delete the record and run; the next update then finds no record, which is only
/// logged.
struct LeaseTask {
    records: Records<KeyRecord>,
    clock: Arc<dyn Clock>,
    owner: UserId,
    id: String,
}

impl LeaseTask {
    async fn run(self, mut ended: oneshot::Receiver<LeaseEnd>) {
        let mut renewal = interval_at(Instant::now() + RENEWAL, RENEWAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                end = &mut ended => break end.ok(),
                _ = renewal.tick() => self.log("renewed", self.update(LEASE, None).await),
            }
        };
        let (outcome, done) = end.map_or((None, None), |end| (end.outcome, Some(end.done)));
        match outcome {
            Some(outcome) => self.log("kept", self.update(REPLY_LIFETIME, Some(outcome)).await),
            None => self.log("freed", self.records.delete(&self.owner, &self.id).await.map(drop)),
        }
        if let Some(done) = done {
            // Fails if the request was dropped and nobody waits.
            let _ = done.send(());
        }
    }

    async fn update(&self, time: Millis, outcome: Option<Outcome>) -> Result<()> {
        let change = |known: &mut TypedRecord<KeyRecord>| {
            known.expires_at = Some(self.clock.millis() + time);
            known.body.outcome.clone_from(&outcome);
            Ok(())
        };
        self.records.update(&self.owner, &self.id, change).await.map(drop)
    }

    /// Logs a failure. The request itself does not fail by it: what it created exists, so its reply is sent, although
    /// it cannot be replayed.
    fn log(&self, action: &'static str, result: Result<()>) {
        if let Err(error) = result {
            let error = jan_core::causes::Causes(&error);
            tracing::warn!(id = self.id, %error, "an idempotency key could not be {action}");
        }
    }
}
