//! Reads a list page by page as a stream. A page is read only after all items of the page before were taken.

use std::future::Future;

use futures_util::stream::{self, Stream, TryStreamExt};

use crate::Result;

/// All items that `read` returns, from the position `start` until it returns no next position.
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
