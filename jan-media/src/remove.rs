//! Deletion of media. An extra claim is written first and deleted last, so the sweep finishes a deletion that was
//! aborted at any point.

use jan_core::media::MediaObject;
use jan_core::page::{MAX_LIMIT, PageRequest};
use jan_core::record::TypedRecord;
use jan_core::{ErrorKind, Result, UserId};

use crate::media::{Media, check_not_ended};
use crate::row::{Row, not_found, object, system_owner};

impl Media {
    /// Deletes the owner's media. Its bytes are deleted too, unless other media uses the same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the store's errors. After an error, the media may already be hidden; the sweep then
    /// deletes the rest.
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<MediaObject> {
        let row = self.row(owner, id).await?;
        let gone = object(row.clone(), false);
        if self.remove(owner, row, |_| true).await? { Ok(gone) } else { Err(not_found(id)) }
    }

    /// Deletes several objects and returns the ids of those that existed.
    ///
    /// # Errors
    /// The store's errors; some objects may be deleted.
    pub async fn bulk_delete(&self, owner: &UserId, ids: &[String]) -> Result<Vec<String>> {
        let mut deleted = Vec::new();
        for id in ids {
            match self.delete(owner, id).await {
                Ok(gone) => deleted.push(gone.id),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// Deletes all media of an owner, when an account ends, and returns how many objects it were.
    ///
    /// # Errors
    /// The store's errors; some objects may be deleted.
    pub async fn delete_all(&self, owner: &UserId) -> Result<u64> {
        let page = PageRequest { limit: MAX_LIMIT, ..PageRequest::default() };
        let mut deleted = 0;
        loop {
            let rows = self.rows.list(owner, None, &page).await?.items;
            if rows.is_empty() {
                return Ok(deleted);
            }
            for row in rows {
                if row.body.ended {
                    self.finish(owner, &row).await?;
                } else {
                    deleted += u64::from(self.remove(owner, row, |_| true).await?);
                }
            }
        }
    }

    /// Deletes media if `may_go` accepts its current row; returns false if it does not, or if the media is gone.
    pub(crate) async fn remove(
        &self,
        owner: &UserId,
        row: TypedRecord<Row>,
        may_go: impl Fn(&Row) -> bool + Send + Sync,
    ) -> Result<bool> {
        let check = self.ledger.schedule_check(owner, &row.id, &row.body.blob, self.clock.millis()).await?;
        // Without its key, the row no longer matches an upload of the same bytes, which becomes new media.
        let end = |row: &mut TypedRecord<Row>| {
            check_not_ended(row)?;
            if !may_go(&row.body) {
                return Err(not_found(&row.id));
            }
            row.body.ended = true;
            row.key = None;
            Ok(())
        };
        let ended = match self.rows.update(owner, &row.id, end).await {
            Ok(row) => Some(row),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(row) = &ended {
            self.finish(owner, row).await?;
        }
        self.ledger.delete_claim(&check.id).await?;
        Ok(ended.is_some())
    }

    /// Finishes the deletion of media whose row is marked as ended. Calling it twice has no further effect.
    pub(crate) async fn finish(&self, owner: &UserId, row: &TypedRecord<Row>) -> Result<()> {
        self.ledger.release_claim(&row.body.claim, self.clock.millis()).await?;
        self.ledger.delete_unclaimed(&row.body.blob).await?;
        self.shared.delete(&system_owner(), &row.id).await?;
        self.rows.delete(owner, &row.id).await.map(drop)
    }
}
