//! The way out for good. A watch in the line comes first and goes last, so that a deletion that breaks off anywhere is
//! finished by the sweeper.

use jan_core::media::MediaObject;
use jan_core::page::{MAX_LIMIT, PageRequest};
use jan_core::record::TypedRecord;
use jan_core::{ErrorKind, Result, UserId};

use crate::media::{Media, alive};
use crate::row::{Row, house, not_found, object};

impl Media {
    /// Deletes the owner's media. Its bytes go too, unless somebody else has the same.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the store's: then nobody sees it any more, and the sweeper does the rest.
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<MediaObject> {
        let row = self.row(owner, id).await?;
        let gone = object(row.clone(), false);
        if self.remove(owner, row, |_| true).await? { Ok(gone) } else { Err(not_found(id)) }
    }

    /// Deletes several and says which of them were there.
    ///
    /// # Errors
    /// The store's; some may be deleted.
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

    /// Deletes all that the owner has, for the end of an account, and says how much it was.
    ///
    /// # Errors
    /// The store's; some may be deleted.
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

    /// Removes media if it still is as `may_go` wants it; false when it is gone or is not.
    pub(crate) async fn remove(
        &self,
        owner: &UserId,
        row: TypedRecord<Row>,
        may_go: impl Fn(&Row) -> bool + Send + Sync,
    ) -> Result<bool> {
        let watch = self.ledger.watch(owner, &row.id, &row.body.blob, self.clock.millis()).await?;
        // Without a key the same bytes are new to their owner from here on.
        let end = |row: &mut TypedRecord<Row>| {
            alive(row)?;
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
        self.ledger.drop_claim(&watch.id).await?;
        Ok(ended.is_some())
    }

    /// Does what is left to do for media that has ended. Done twice it does nothing.
    pub(crate) async fn finish(&self, owner: &UserId, row: &TypedRecord<Row>) -> Result<()> {
        self.ledger.leave(&row.body.claim, self.clock.millis()).await?;
        self.ledger.release(&row.body.blob).await?;
        self.shown.delete(&house(), &row.id).await?;
        self.rows.delete(owner, &row.id).await.map(drop)
    }
}
