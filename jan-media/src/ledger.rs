//! The ledger records which media uses which stored bytes. The bytes of all owners are in one blob store, each blob
//! under a random name. Two kinds of records, which belong to the server itself and to no user, describe them:
//!
//! - A **blob** record stands for stored bytes that are complete. Its id is their name in the blob store. Its key is
//!   their SHA-256, so that equal bytes are stored once.
//! - A **claim** records that some media uses a blob; the claim's group is the blob's name. The creation time of a
//!   claim record is not when it was made but when the sweep has to check it, so a list of claims is in the order in
//!   which they are due.
//!
//! Three orders of writes make this safe when a process dies or tasks run at the same time:
//!
//! - The claim is written before the first byte. So whatever an aborted upload leaves behind, the sweep finds it by
//!   the claim.
//! - To join an existing blob, an upload first puts the blob's name into its claim and then increases
//!   [`Blob::joined`], if the blob still has its key. To delete a blob, a task first checks that no claim names the
//!   blob and then removes the key, if `joined` is still what it was before the check. If the joiner writes its claim
//!   before the check, the deleter sees the claim and stops. If it writes it later, then either `joined` has changed
//!   and the deleter stops, or the key is gone and the joiner stores its own bytes. So a blob that an upload has
//!   joined is never deleted.
//! - Names are never used twice, so a late deletion cannot hit newer bytes.
//!
//! Every upload is stored completely before it is compared with existing blobs. Otherwise the shorter time of an
//! upload would reveal that another owner has the same bytes.

use std::sync::Arc;

use jan_core::media::BlobStore;
use jan_core::page::{Order, Page, PageRequest};
use jan_core::record::{Millis, RecordStore, Records, TypedRecord};
use jan_core::{Error, ErrorKind, Result, UserId, id};
use serde::{Deserialize, Serialize};

/// How many times an upload tries to join a blob that is being deleted at the same moment.
const TRIES: usize = 8;

/// The body of a claim record. The record's group is the blob that it claims; its creation time is when it is due for
/// a check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) owner: String,
    pub(crate) media: String,
    /// The name of the bytes that were stored for this media. It differs from the claimed blob's name if equal bytes
    /// existed already.
    pub(crate) stored: String,
}

impl Claim {
    pub(crate) fn owner(&self) -> UserId {
        UserId::new(self.owner.as_str())
    }
}

/// The body of a blob record. The record's id is the blob's name, its key the SHA-256.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Blob {
    /// How many uploads have joined this blob after its first one.
    joined: u64,
}

#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn BlobStore>,
    claims: Records<Claim>,
    blobs: Records<Blob>,
}

fn system_owner() -> UserId {
    UserId::system("media")
}

impl Ledger {
    pub(crate) fn new(store: Arc<dyn BlobStore>, records: &Arc<dyn RecordStore>) -> Self {
        let claims = Records::new("media_claim", records.clone());
        Self { store, claims, blobs: Records::new("media_blob", records.clone()) }
    }

    /// Writes a claim for bytes that are about to be stored under a new name.
    pub(crate) async fn begin(
        &self,
        owner: &UserId,
        media: &str,
        check_at: Millis,
    ) -> Result<TypedRecord<Claim>> {
        let stored = id::short("blob_");
        let claim = claim(owner, media, &stored, check_at).group(Some(stored));
        self.claims.insert(&system_owner(), &claim).await?;
        Ok(claim)
    }

    /// Called when the bytes of a claim are completely stored and have this hash. They become a new blob, or the claim
    /// joins the existing blob with the same hash. Returns the blob's name.
    pub(crate) async fn join_blob(
        &self,
        claim: &TypedRecord<Claim>,
        sha256: &str,
        now: Millis,
    ) -> Result<String> {
        let stored = &claim.body.stored;
        for _ in 0..TRIES {
            let new = TypedRecord::new(stored, now, Blob { joined: 0 }).key(sha256);
            match self.blobs.insert(&system_owner(), &new).await {
                Ok(()) => return Ok(stored.clone()),
                Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
                Err(_) => {}
            }
            let Some(known) = self.blobs.find(&system_owner(), sha256).await? else { continue };
            self.set_blob(claim, &known.id).await?;
            let join = |blob: &mut TypedRecord<Blob>| {
                blob.key.as_ref().ok_or_else(|| Error::not_found("This blob goes away."))?;
                blob.body.joined += 1;
                Ok(())
            };
            match self.blobs.update(&system_owner(), &known.id, join).await {
                Ok(_) => {
                    // If this fails, the upload still succeeds: the sweep tries it again.
                    let _ = self.store.delete(stored).await;
                    return Ok(known.id);
                }
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) => self.set_blob(claim, stored).await?,
            }
        }
        Err(Error::new(ErrorKind::Conflict, "The same file is deleted at the same time. Try again."))
    }

    async fn set_blob(&self, claim: &TypedRecord<Claim>, blob: &str) -> Result<()> {
        let set_blob = |claim: &mut TypedRecord<Claim>| {
            claim.group = Some(blob.to_owned());
            Ok(())
        };
        self.claims.update(&system_owner(), &claim.id, set_blob).await.map(drop)
    }

    /// Writes a claim without a blob. It only makes the sweep check this media and these bytes from `check_at` on.
    pub(crate) async fn schedule_check(
        &self,
        owner: &UserId,
        media: &str,
        stored: &str,
        check_at: Millis,
    ) -> Result<TypedRecord<Claim>> {
        let claim = claim(owner, media, stored, check_at);
        self.claims.insert(&system_owner(), &claim).await?;
        Ok(claim)
    }

    /// Writes a successor of a claim, for this blob and with another due time, and returns its id. The old claim still
    /// exists. The successor's id depends only on the old id, so tasks that do this at the same time write the same
    /// claim.
    pub(crate) async fn reschedule(
        &self,
        claim: &TypedRecord<Claim>,
        blob: &str,
        check_at: Millis,
    ) -> Result<String> {
        let TypedRecord { id, body, .. } = claim;
        let body = Claim { stored: blob.to_owned(), ..body.clone() };
        let new = TypedRecord::new(successor(id), check_at, body).group(Some(blob.to_owned()));
        match self.claims.insert(&system_owner(), &new).await {
            Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
            _ => Ok(new.id),
        }
    }

    /// Deletes a claim, and the bytes that no other claim names. If this is aborted at any point, a claim remains with
    /// which it can be done again.
    pub(crate) async fn release_claim(&self, claim: &str, now: Millis) -> Result<()> {
        let Some(claim) = self.claims.get(&system_owner(), claim).await? else { return Ok(()) };
        let Claim { media, stored, .. } = &claim.body;
        // A claim that joined a blob concerns two sets of bytes: that blob, and the bytes that were stored for it.
        // Below, the claim loses the blob's name. If the process dies after that, the sweep finds the blob only by the
        // extra claim that is written here.
        let joined = claim.group.as_ref().filter(|blob| *blob != stored);
        let check = match joined {
            Some(blob) => Some(self.schedule_check(&claim.body.owner(), media, blob, now).await?),
            None => None,
        };
        let remove_blob = |claim: &mut TypedRecord<Claim>| {
            claim.group = None;
            Ok(())
        };
        match self.claims.update(&system_owner(), &claim.id, remove_blob).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // If it was not found, another task is deleting the same claim and was faster.
            _ => {}
        }
        self.delete_unclaimed(stored).await?;
        self.claims.delete(&system_owner(), &claim.id).await?;
        if let Some(check) = check {
            self.delete_unclaimed(&check.body.stored).await?;
            self.claims.delete(&system_owner(), &check.id).await?;
        }
        Ok(())
    }

    /// Deletes a claim whose bytes another claim names.
    pub(crate) async fn delete_claim(&self, claim: &str) -> Result<()> {
        self.claims.delete(&system_owner(), claim).await.map(drop)
    }

    /// Deletes stored bytes and their blob record, unless a claim names them.
    pub(crate) async fn delete_unclaimed(&self, blob: &str) -> Result<()> {
        if let Some(known) = self.blobs.get(&system_owner(), blob).await? {
            let one = PageRequest { limit: 1, ..PageRequest::default() };
            if !self.claims.list(&system_owner(), Some(blob), &one).await?.items.is_empty() {
                return Ok(());
            }
            let remove_key = |blob: &mut TypedRecord<Blob>| {
                if blob.body.joined != known.body.joined {
                    return Err(Error::new(ErrorKind::Gone, "Somebody joined it."));
                }
                blob.key = None;
                Ok(())
            };
            match self.blobs.update(&system_owner(), blob, remove_key).await {
                Err(error) if error.kind() == ErrorKind::Gone => return Ok(()),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.store.delete(blob).await?;
        self.blobs.delete(&system_owner(), blob).await.map(drop)
    }

    /// The next claims in the order in which they are due, after the claim with the id `after`, which must still
    /// exist.
    pub(crate) async fn next_claims(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Page<TypedRecord<Claim>>> {
        self.claims.list(&system_owner(), None, &PageRequest { limit, after, order: Order::Asc }).await
    }
}

fn claim(owner: &UserId, media: &str, stored: &str, check_at: Millis) -> TypedRecord<Claim> {
    let (owner, media, stored) = (owner.as_str().to_owned(), media.to_owned(), stored.to_owned());
    TypedRecord::new(id::short("claim_"), check_at, Claim { owner, media, stored })
}

/// `claim_x` → `claim_x.1` → `claim_x.2`.
fn successor(claim: &str) -> String {
    let (name, count) = claim.split_once('.').unwrap_or((claim, "0"));
    format!("{name}.{}", count.parse::<u64>().unwrap_or_default().saturating_add(1))
}
