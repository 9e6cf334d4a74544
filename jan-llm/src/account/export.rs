//! Writing: each kind of thing is read page by page, and no page before the one before it was taken.

use std::future::Future;

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use jan_core::conversation::Filter;
use jan_core::media::RECORDS;
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::record::Record;
use jan_core::{BoxStream, ErrorKind, Result, UserId};

use super::few;
use super::line::{FORMAT, Line};
use super::media::{self, Media};
use crate::shares;
use crate::store::Store;

pub(super) fn lines(store: &Store, media: &Media, owner: &UserId) -> BoxStream<Result<String>> {
    let first = Line::Account { format: FORMAT, user: owner.as_str().to_owned() };
    one(first)
        .chain(records(store.clone(), matches!(media, Media::Unknown), owner.clone()))
        .chain(public_shares(store.clone(), owner.clone()))
        .chain(match media {
            Media::Along(archive) => media::lines(archive.clone(), owner.clone()).boxed(),
            Media::Left | Media::Unknown => stream::empty().boxed(),
        })
        .chain(conversations(store.clone(), owner.clone()))
        .chain(one(Line::End {}))
        .and_then(|line| std::future::ready(line.to_json()))
        .boxed()
}

pub(super) fn one(line: Line) -> impl Stream<Item = Result<Line>> + Send {
    stream::once(std::future::ready(Ok(line)))
}

/// What `read` gives from `start` on, until it gives no next place.
pub(super) fn pages<P, T, F, R>(start: P, read: F) -> impl Stream<Item = Result<T>> + Send
where
    P: Send,
    T: Send,
    F: Fn(P) -> R + Send + Clone,
    R: Future<Output = Result<(Vec<T>, Option<P>)>> + Send,
{
    let next = move |place: Option<P>| {
        let read = read.clone();
        async move {
            let Some(place) = place else { return Ok(None) };
            let (page, next) = read(place).await?;
            Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
        }
    };
    stream::try_unfold(Some(start), next).try_flatten()
}

fn records(store: Store, refuses_media: bool, owner: UserId) -> impl Stream<Item = Result<Line>> + Send {
    pages(None::<(String, String)>, move |after| {
        let (store, owner) = (store.clone(), owner.clone());
        async move {
            let place = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
            let page = store.records.everything(&owner, place, MAX_LIMIT).await?;
            let next = page.last().map(|last| Some((last.kind.clone(), last.id.clone())));
            // What ends by itself (the answers to repeated requests) is the server's memory, not the owner's.
            // Media goes with its bytes.
            let is_media = |record: &Record| record.kind == RECORDS;
            if refuses_media && page.iter().any(is_media) {
                return Err(Media::refusal());
            }
            let goes = |record: &Record| record.expires_at.is_none() && !is_media(record);
            let lasting = page.into_iter().filter(goes);
            let lines = lasting.map(|record| Ok(Line::Record(record.try_into()?)));
            Ok((lines.collect::<Result<_>>()?, next))
        }
    })
}

fn public_shares(store: Store, owner: UserId) -> impl Stream<Item = Result<Line>> + Send {
    pages(few(), move |page| {
        let (store, owner) = (store.clone(), owner.clone());
        async move {
            let (house, group) = (shares::house(), Some(owner.as_str()));
            let found = store.records.list(&house, shares::PUBLIC, group, &page).await?;
            let after = found.items.last().map(|last| last.id.clone()).filter(|_| found.has_more);
            let next = after.map(|after| PageRequest { after: Some(after), ..page });
            let lines = found.items.into_iter().map(|record| Ok(Line::PublicShare(record.try_into()?)));
            Ok((lines.collect::<Result<_>>()?, next))
        }
    })
}

fn conversations(store: Store, owner: UserId) -> impl Stream<Item = Result<Line>> + Send {
    let all = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
    let (inner, whose) = (store.clone(), owner.clone());
    let ids = pages(all, move |page| {
        let (store, owner) = (store.clone(), owner.clone());
        async move {
            let found = store.conversations.list(&owner, &Filter::default(), &page).await?;
            let ids: Vec<_> = found.items.into_iter().map(|conversation| conversation.id).collect();
            let after = ids.last().cloned().filter(|_| found.has_more);
            Ok((ids, after.map(|after| PageRequest { after: Some(after), ..page })))
        }
    });
    ids.map_ok(move |id| conversation(inner.clone(), whose.clone(), id)).try_flatten()
}

/// A conversation and its items; nothing when it was deleted meanwhile.
fn conversation(store: Store, owner: UserId, id: String) -> impl Stream<Item = Result<Line>> + Send {
    let head = {
        let (store, owner, id) = (store.clone(), owner.clone(), id.clone());
        async move { store.archive.archived(&owner, &id).await }
    };
    let items = move |known: Vec<i64>| {
        let (store, owner, id) = (store.clone(), owner.clone(), id.clone());
        pages((0, 0), move |after| {
            let (store, owner, id, known) = (store.clone(), owner.clone(), id.clone(), known.clone());
            async move {
                let page = unless_gone(store.archive.placed(&owner, &id, after, MAX_LIMIT).await)?;
                let page = page.unwrap_or_default();
                let next = page.last().map(|last| (last.branch, last.place));
                // A branch that was made since the conversation was read is not in this export.
                let lines = page.into_iter().filter(|item| known.contains(&item.branch)).map(Line::Item);
                Ok((lines.collect(), next))
            }
        })
    };
    let whole = async move {
        let Some(archived) = unless_gone(head.await)? else { return Ok(stream::empty().boxed()) };
        let known = archived.branches.iter().map(|branch| branch.number).collect();
        Ok(one(Line::Conversation(archived)).chain(items(known)).boxed())
    };
    stream::once(whole).try_flatten()
}

fn unless_gone<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
