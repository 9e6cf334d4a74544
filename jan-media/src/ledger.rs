//! Who needs which stored bytes. The bytes of all owners lie together, each under a random name; two kinds of records,
//! both the house's own, say what becomes of them:
//!
//! - A **blob** is stored bytes that are whole. Its key is their SHA-256, so that the same bytes are kept once.
//! - A **claim** says that somebody's media needs a blob (its group), and stands in line to be looked at: its time is not
//!   when it was made but when the sweeper comes by.
//!
//! The claim is there before the first byte is, so that whatever breaks off leaves something that is found. Bytes are
//! taken away only when nothing claims them, and a blob that is to go loses its key first: whoever joins a blob claims it
//! first and then counts itself in ([`Blob::joined`]), so one of the two always sees the other. Names are never used
//! twice, so a deletion that comes late hits nobody.
//!
//! Every upload is stored before it is compared with what is there. Doing without would tell by its speed whether
//! somebody else has the same.

use std::sync::Arc;

use jan_core::media::BlobStore;
use jan_core::page::{Order, Page, PageRequest};
use jan_core::record::{Millis, RecordStore, Records, TypedRecord};
use jan_core::{Error, ErrorKind, Result, UserId, id};
use serde::{Deserialize, Serialize};

/// How often bytes are offered to a blob that goes away in the same moment.
const TRIES: usize = 8;

/// What a claim says, besides the blob that it is for (its group) and when it is looked at (its time).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) owner: String,
    pub(crate) media: String,
    /// The name of the bytes that were stored for it; not the blob's when others had the same bytes.
    pub(crate) stored: String,
}

impl Claim {
    pub(crate) fn owner(&self) -> UserId {
        UserId::new(self.owner.as_str())
    }
}

/// What is known of a blob, besides its name (its id) and its hash (its key).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Blob {
    /// How often somebody joined it.
    joined: u64,
}

#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn BlobStore>,
    claims: Records<Claim>,
    blobs: Records<Blob>,
}

fn house() -> UserId {
    UserId::system("media")
}

impl Ledger {
    pub(crate) fn new(store: Arc<dyn BlobStore>, records: &Arc<dyn RecordStore>) -> Self {
        let claims = Records::new("media_claim", records.clone());
        Self { store, claims, blobs: Records::new("media_blob", records.clone()) }
    }

    /// A claim on bytes that are about to be stored, under a name of their own.
    pub(crate) async fn begin(
        &self,
        owner: &UserId,
        media: &str,
        look_at: Millis,
    ) -> Result<TypedRecord<Claim>> {
        let stored = id::short("blob_");
        let claim = claim(owner, media, &stored, look_at).group(Some(stored));
        self.claims.insert(&house(), &claim).await?;
        Ok(claim)
    }

    /// The bytes of the claim are whole and have this hash: they become a blob, or the claim joins the one that there is.
    /// Gives the blob's name.
    pub(crate) async fn settle(
        &self,
        claim: &TypedRecord<Claim>,
        sha256: &str,
        now: Millis,
    ) -> Result<String> {
        let stored = &claim.body.stored;
        for _ in 0..TRIES {
            let new = TypedRecord::new(stored, now, Blob { joined: 0 }).key(sha256);
            match self.blobs.insert(&house(), &new).await {
                Ok(()) => return Ok(stored.clone()),
                Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
                Err(_) => {}
            }
            let Some(known) = self.blobs.find(&house(), sha256).await? else { continue };
            self.point(claim, &known.id).await?;
            let join = |blob: &mut TypedRecord<Blob>| {
                blob.key.as_ref().ok_or_else(|| Error::not_found("This blob goes away."))?;
                blob.body.joined += 1;
                Ok(())
            };
            match self.blobs.update(&house(), &known.id, join).await {
                Ok(_) => {
                    // Not worth failing for: the sweeper tries it again.
                    let _ = self.store.delete(stored).await;
                    return Ok(known.id);
                }
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) => self.point(claim, stored).await?,
            }
        }
        Err(Error::new(ErrorKind::Conflict, "The same file is deleted at the same time. Try again."))
    }

    async fn point(&self, claim: &TypedRecord<Claim>, blob: &str) -> Result<()> {
        let point = |claim: &mut TypedRecord<Claim>| {
            claim.group = Some(blob.to_owned());
            Ok(())
        };
        self.claims.update(&house(), &claim.id, point).await.map(drop)
    }

    /// A claim on nothing, which makes the sweeper look at the media and at these bytes from `look_at` on.
    pub(crate) async fn watch(
        &self,
        owner: &UserId,
        media: &str,
        stored: &str,
        look_at: Millis,
    ) -> Result<TypedRecord<Claim>> {
        let claim = claim(owner, media, stored, look_at);
        self.claims.insert(&house(), &claim).await?;
        Ok(claim)
    }

    /// The same claim once more, on this blob and at another place in the line; gives its id. The old one is still there.
    /// Whoever does so again, or at the same time, makes the same one.
    pub(crate) async fn again(
        &self,
        claim: &TypedRecord<Claim>,
        blob: &str,
        look_at: Millis,
    ) -> Result<String> {
        let TypedRecord { id, body, .. } = claim;
        let body = Claim { stored: blob.to_owned(), ..body.clone() };
        let new = TypedRecord::new(next(id), look_at, body).group(Some(blob.to_owned()));
        match self.claims.insert(&house(), &new).await {
            Err(error) if error.kind() != ErrorKind::Conflict => Err(error),
            _ => Ok(new.id),
        }
    }

    /// Takes a claim away; what nobody else claims goes with it. Breaking off anywhere leaves a claim to be left again.
    pub(crate) async fn leave(&self, claim: &str, now: Millis) -> Result<()> {
        let Some(claim) = self.claims.get(&house(), claim).await? else { return Ok(()) };
        let Claim { media, stored, .. } = &claim.body;
        let joined = claim.group.as_ref().filter(|blob| *blob != stored);
        let watch = match joined {
            Some(blob) => Some(self.watch(&claim.body.owner(), media, blob, now).await?),
            None => None,
        };
        let off = |claim: &mut TypedRecord<Claim>| {
            claim.group = None;
            Ok(())
        };
        match self.claims.update(&house(), &claim.id, off).await {
            // Somebody else is leaving it too, and was faster.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.release(stored).await?;
        self.claims.delete(&house(), &claim.id).await?;
        if let Some(watch) = watch {
            self.release(&watch.body.stored).await?;
            self.claims.delete(&house(), &watch.id).await?;
        }
        Ok(())
    }

    /// Takes a claim away whose bytes another claim looks after.
    pub(crate) async fn drop_claim(&self, claim: &str) -> Result<()> {
        self.claims.delete(&house(), claim).await.map(drop)
    }

    /// Deletes bytes that nothing claims.
    pub(crate) async fn release(&self, blob: &str) -> Result<()> {
        if let Some(known) = self.blobs.get(&house(), blob).await? {
            let one = PageRequest { limit: 1, ..PageRequest::default() };
            if !self.claims.list(&house(), Some(blob), &one).await?.items.is_empty() {
                return Ok(());
            }
            let hide = |blob: &mut TypedRecord<Blob>| {
                if blob.body.joined != known.body.joined {
                    return Err(Error::new(ErrorKind::Gone, "Somebody joined it."));
                }
                blob.key = None;
                Ok(())
            };
            match self.blobs.update(&house(), blob, hide).await {
                Err(error) if error.kind() == ErrorKind::Gone => return Ok(()),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.store.delete(blob).await?;
        self.blobs.delete(&house(), blob).await.map(drop)
    }

    /// The next claims in line, after one that stays where it is.
    pub(crate) async fn line(&self, after: Option<String>, limit: u32) -> Result<Page<TypedRecord<Claim>>> {
        self.claims.list(&house(), None, &PageRequest { limit, after, order: Order::Asc }).await
    }
}

fn claim(owner: &UserId, media: &str, stored: &str, look_at: Millis) -> TypedRecord<Claim> {
    let (owner, media, stored) = (owner.as_str().to_owned(), media.to_owned(), stored.to_owned());
    TypedRecord::new(id::short("claim_"), look_at, Claim { owner, media, stored })
}

/// `claim_x` → `claim_x.1` → `claim_x.2`.
fn next(claim: &str) -> String {
    let (name, count) = claim.split_once('.').unwrap_or((claim, "0"));
    format!("{name}.{}", count.parse::<u64>().unwrap_or_default().saturating_add(1))
}
