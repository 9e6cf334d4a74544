//! The broom: looks at every claim whose time has come. Media past its time goes unless something shows it; what was begun
//! and never finished goes with its bytes.

use std::collections::HashMap;
use std::time::Duration;

use jan_core::media::MediaUse;
use jan_core::page::MAX_LIMIT;
use jan_core::record::{Millis, TypedRecord};
use jan_core::{ErrorKind, Result, UserId};

use crate::ledger::Claim;
use crate::media::{Media, alive};
use crate::row::{Row, not_found};

/// When media is looked at again that is past its time and still shown.
const STILL_SHOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// When media is looked at again that has no end: its owner may be gone.
const ENDLESS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Media past its time that is gone.
    pub expired: u64,
    /// What was begun and never finished, and is gone.
    pub unfinished: u64,
    /// Media past its time that something still shows.
    pub still_shown: u64,
}

impl Media {
    /// Sweeps all that is due, asking `shown` before anything is taken away that somebody had. Several may sweep at once.
    /// Dropping the future leaves the rest for the next time.
    ///
    /// # Errors
    /// The first error of a store, after all has been tried that the error did not concern.
    pub async fn sweep(&self, shown: &dyn MediaUse) -> Result<Swept> {
        let (now, mut swept) = (self.clock.millis(), Swept::default());
        // What fails stays in its place, and the line goes on behind it.
        let (mut failed, mut stuck) = (None, None);
        loop {
            let line = match self.ledger.line(stuck.clone(), MAX_LIMIT).await {
                Ok(line) => {
                    line.items.into_iter().filter(|claim| claim.created_at <= now).collect::<Vec<_>>()
                }
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            if line.is_empty() {
                return failed.map_or(Ok(swept), Err);
            }
            let place: HashMap<_, _> = line.iter().map(|claim| claim.id.clone()).zip(0..).collect();
            let mut over: HashMap<String, Vec<Over>> = HashMap::new();
            let mut left = Vec::new();
            for claim in line {
                match self.look(&claim, now).await {
                    Ok(Look::Gone) => swept.unfinished += 1,
                    Ok(Look::Stays) => {}
                    Ok(Look::Over(row)) => {
                        over.entry(claim.body.owner.clone()).or_default().push(Over { claim, row: *row });
                    }
                    Err(error) => {
                        failed = failed.or(Some(error));
                        left.push(claim.id);
                    }
                }
            }
            for (owner, media) in over {
                let last = media.last().map(|over| over.claim.id.clone());
                if let Err(error) = self.expire(&UserId::new(owner), media, shown, &mut swept).await {
                    failed = failed.or(Some(error));
                    left.extend(last);
                }
            }
            stuck = left.into_iter().max_by_key(|id| place.get(id).copied()).or(stuck);
        }
    }

    /// What has become of a claim.
    async fn look(&self, claim: &TypedRecord<Claim>, now: Millis) -> Result<Look> {
        let owner = claim.body.owner();
        let row = match self.rows.get(&owner, &claim.body.media).await? {
            Some(row) if row.body.ended => {
                self.finish(&owner, &row).await?;
                None
            }
            row => row.filter(|row| row.body.claim == claim.id),
        };
        let Some(row) = row else {
            self.ledger.leave(&claim.id, now).await?;
            return Ok(Look::Gone);
        };
        match row.body.retention_until {
            Some(until) if until <= now => return Ok(Look::Over(Box::new(row))),
            Some(until) => self.put_back(&owner, claim, &row, until).await?,
            None => self.put_back(&owner, claim, &row, self.after(ENDLESS)).await?,
        }
        Ok(Look::Stays)
    }

    /// Takes away what of an owner's media is past its time and not shown.
    async fn expire(
        &self,
        owner: &UserId,
        media: Vec<Over>,
        shown: &dyn MediaUse,
        swept: &mut Swept,
    ) -> Result<()> {
        let ids: Vec<_> = media.iter().map(|over| over.row.id.clone()).collect();
        let shown = shown.in_use(owner, &ids).await?;
        for Over { claim, row } in media {
            if shown.contains(&row.id) {
                self.put_back(owner, &claim, &row, self.after(STILL_SHOWN)).await?;
                swept.still_shown += 1;
                continue;
            }
            let now = self.clock.millis();
            // Its owner may have brought it again since.
            let over = |row: &Row| row.retention_until.is_some_and(|until| until <= now);
            swept.expired += u64::from(self.remove(owner, row, over).await?);
        }
        Ok(())
    }

    /// The claim goes to another place in the line: the new one is there before the old one goes.
    async fn put_back(
        &self,
        owner: &UserId,
        claim: &TypedRecord<Claim>,
        row: &TypedRecord<Row>,
        look_at: Millis,
    ) -> Result<()> {
        if claim.body.stored != row.body.blob {
            // Its own bytes, when others had the same: they were deleted then, unless that failed.
            self.ledger.release(&claim.body.stored).await?;
        }
        let new = self.ledger.again(claim, &row.body.blob, look_at).await?;
        let point = |row: &mut TypedRecord<Row>| {
            alive(row)?;
            // Another sweep may have been faster, by one place in the line or by many.
            if row.body.claim != claim.id && row.body.claim != new {
                return Err(not_found(&row.id));
            }
            row.body.claim.clone_from(&new);
            Ok(())
        };
        match self.rows.update(owner, &row.id, point).await {
            Ok(_) => self.ledger.drop_claim(&claim.id).await,
            Err(error) if error.kind() == ErrorKind::NotFound => self.ledger.leave(&new, look_at).await,
            Err(error) => Err(error),
        }
    }
}

/// What a look at a claim showed.
enum Look {
    /// Nothing needed it, and it is gone.
    Gone,
    /// Its media is kept, and it stands elsewhere in the line.
    Stays,
    /// Its media is past its time.
    Over(Box<TypedRecord<Row>>),
}

/// Media past its time, and the claim that said so.
struct Over {
    claim: TypedRecord<Claim>,
    row: TypedRecord<Row>,
}
