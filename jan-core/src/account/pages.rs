//! Exports are read page by page, and no page before the one before it was taken.

use std::future::Future;

use futures_util::stream::{self, Stream, TryStreamExt};

use crate::Result;

/// What `read` gives from `start` on, until it gives no next place.
pub fn pages<P, T, F, R>(start: P, read: F) -> impl Stream<Item = Result<T>> + Send
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
