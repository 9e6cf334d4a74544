//! The sweep: checks every claim that is due. Expired media is deleted unless it is still in use; uploads that were
//! begun and never finished are deleted with their bytes.

use std::collections::HashMap;
use std::time::Duration;

use jan_core::media::MediaUse;
use jan_core::page::MAX_LIMIT;
use jan_core::record::{Millis, TypedRecord};
use jan_core::{ErrorKind, Result, UserId};

use crate::ledger::Claim;
use crate::media::{Media, check_not_ended};
use crate::row::{Row, not_found};

/// When expired media that is still in use is checked again.
const RECHECK_IN_USE: Duration = Duration::from_secs(24 * 60 * 60);
/// When media without an expiry time is checked again. It is checked because its owner may have been deleted.
const RECHECK_ENDLESS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many expired objects were deleted.
    pub expired: u64,
    /// How many unfinished uploads were deleted.
    pub unfinished: u64,
    /// How many expired objects stay because they are still in use.
    pub still_shown: u64,
}

impl Media {
    /// Checks all claims that are due. Before it deletes media that has an owner, it asks `uses` whether the media is
    /// still in use. Several sweeps may run at the same time. Dropping the future leaves the remaining claims for the
    /// next sweep.
    ///
    /// # Errors
    /// The first error of a store. Claims that the error does not concern are still checked.
    pub async fn sweep(&self, uses: &dyn MediaUse) -> Result<Swept> {
        let (now, mut swept) = (self.clock.millis(), Swept::default());
        // A claim whose check failed stays in the list, unchanged. The next page of claims starts after the last such
        // claim (`skip_to`), so that a failing claim cannot stop the sweep or be checked endlessly.
        let (mut failed, mut skip_to) = (None, None);
        loop {
            let claims = match self.ledger.next_claims(skip_to.clone(), MAX_LIMIT).await {
                Ok(page) => {
                    page.items.into_iter().filter(|claim| claim.created_at <= now).collect::<Vec<_>>()
                }
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            if claims.is_empty() {
                return failed.map_or(Ok(swept), Err);
            }
            let position: HashMap<_, _> = claims.iter().map(|claim| claim.id.clone()).zip(0..).collect();
            let mut expired: HashMap<String, Vec<ExpiredMedia>> = HashMap::new();
            let mut failed_claims = Vec::new();
            for claim in claims {
                match self.check_claim(&claim, now).await {
                    Ok(ClaimState::Released) => swept.unfinished += 1,
                    Ok(ClaimState::Rescheduled) => {}
                    Ok(ClaimState::Expired(row)) => {
                        expired
                            .entry(claim.body.owner.clone())
                            .or_default()
                            .push(ExpiredMedia { claim, row: *row });
                    }
                    Err(error) => {
                        failed = failed.or(Some(error));
                        failed_claims.push(claim.id);
                    }
                }
            }
            for (owner, media) in expired {
                let last = media.last().map(|expired| expired.claim.id.clone());
                if let Err(error) = self.expire(&UserId::new(owner), media, uses, &mut swept).await {
                    failed = failed.or(Some(error));
                    failed_claims.extend(last);
                }
            }
            skip_to = failed_claims.into_iter().max_by_key(|id| position.get(id).copied()).or(skip_to);
        }
    }

    /// Checks one claim that is due.
    async fn check_claim(&self, claim: &TypedRecord<Claim>, now: Millis) -> Result<ClaimState> {
        let owner = claim.body.owner();
        let row = match self.rows.get(&owner, &claim.body.media).await? {
            Some(row) if row.body.ended => {
                self.finish(&owner, &row).await?;
                None
            }
            row => row.filter(|row| row.body.claim == claim.id),
        };
        let Some(row) = row else {
            self.ledger.release_claim(&claim.id, now).await?;
            return Ok(ClaimState::Released);
        };
        match row.body.retention_until {
            Some(until) if until <= now => return Ok(ClaimState::Expired(Box::new(row))),
            Some(until) => self.reschedule(&owner, claim, &row, until).await?,
            None => self.reschedule(&owner, claim, &row, self.after(RECHECK_ENDLESS)).await?,
        }
        Ok(ClaimState::Rescheduled)
    }

    /// Deletes an owner's expired media that is not in use.
    async fn expire(
        &self,
        owner: &UserId,
        media: Vec<ExpiredMedia>,
        uses: &dyn MediaUse,
        swept: &mut Swept,
    ) -> Result<()> {
        let ids: Vec<_> = media.iter().map(|expired| expired.row.id.clone()).collect();
        let in_use = uses.in_use(owner, &ids).await?;
        for ExpiredMedia { claim, row } in media {
            if in_use.contains(&row.id) {
                self.reschedule(owner, &claim, &row, self.after(RECHECK_IN_USE)).await?;
                swept.still_shown += 1;
                continue;
            }
            let now = self.clock.millis();
            // Its owner may have stored the same bytes again since, which extends the retention time.
            let expired = |row: &Row| row.retention_until.is_some_and(|until| until <= now);
            swept.expired += u64::from(self.remove(owner, row, expired).await?);
        }
        Ok(())
    }

    /// Gives a claim another due time. The new claim is written before the old one is deleted, so there is always at
    /// least one.
    async fn reschedule(
        &self,
        owner: &UserId,
        claim: &TypedRecord<Claim>,
        row: &TypedRecord<Row>,
        check_at: Millis,
    ) -> Result<()> {
        if claim.body.stored != row.body.blob {
            // The bytes that were stored for this claim although an equal blob existed. They should be deleted
            // already, unless that failed.
            self.ledger.delete_unclaimed(&claim.body.stored).await?;
        }
        let new = self.ledger.reschedule(claim, &row.body.blob, check_at).await?;
        let set_claim = |row: &mut TypedRecord<Row>| {
            check_not_ended(row)?;
            // Another sweep may have rescheduled this claim already, once or several times.
            if row.body.claim != claim.id && row.body.claim != new {
                return Err(not_found(&row.id));
            }
            row.body.claim.clone_from(&new);
            Ok(())
        };
        match self.rows.update(owner, &row.id, set_claim).await {
            Ok(_) => self.ledger.delete_claim(&claim.id).await,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.ledger.release_claim(&new, check_at).await
            }
            Err(error) => Err(error),
        }
    }
}

/// The result of checking a claim.
enum ClaimState {
    /// No media used it, so it was deleted.
    Released,
    /// Its media is kept, and the claim has another due time now.
    Rescheduled,
    /// Its media has expired.
    Expired(Box<TypedRecord<Row>>),
}

/// Expired media, and its claim.
struct ExpiredMedia {
    claim: TypedRecord<Claim>,
    row: TypedRecord<Row>,
}
