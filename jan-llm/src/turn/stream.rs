//! A stream that is kept when it ends: every chunk goes to the caller and into the collector; before the stream's end is
//! told, what was collected is written.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jan_core::chat::Collector;
use jan_core::{ChatAnswer, ChatChunk, ChatStream, JsonObject, Result};

use super::keep::{Asked, PendingTurn};

pub(super) struct KeptStream {
    state: State,
    /// Nothing was sent yet.
    is_first: bool,
    collector: Option<Collector>,
    kept: Option<Box<PendingTurn>>,
    /// The conversation's title, asked for while the answer comes.
    asked: Option<Asked>,
    title: Option<String>,
}

enum State {
    Streaming(ChatStream),
    Keeping(BoxFuture<'static, Result<()>>),
    Done,
}

impl KeptStream {
    pub(super) fn new(chunks: ChatStream, kept: Box<PendingTurn>, asked: Option<Asked>) -> Self {
        let collector = Some(Collector::default());
        Self {
            state: State::Streaming(chunks),
            is_first: true,
            collector,
            kept: Some(kept),
            asked,
            title: None,
        }
    }

    /// Collects a chunk, and tells in it what the caller is to know.
    fn take(&mut self, chunk: ChatChunk) -> Result<ChatChunk> {
        let is_first = std::mem::take(&mut self.is_first);
        if let Some(collector) = &mut self.collector {
            collector.push(chunk.parse()?)?;
        }
        let Some(kept) = &self.kept else { return Ok(chunk) };
        let told = kept.told(None).filter(|_| is_first);
        if told.is_none() && kept.completion_id().is_none() && !(is_first && kept.trimmed()) {
            return Ok(chunk);
        }
        let mut object = JsonObject::parse(chunk.as_bytes().clone())?;
        if let Some(id) = kept.completion_id() {
            object.set("id", id)?;
        }
        if let Some(told) = told {
            object.set("conversation", &told)?;
        }
        if is_first && kept.trimmed() {
            object.set("trimmed", &true)?;
        }
        ChatChunk::from_wire(object.to_bytes())
    }

    /// Begins to write what was collected.
    fn keep(&mut self) -> State {
        let (Some(collector), Some(mut kept)) = (self.collector.take(), self.kept.take()) else {
            return State::Done;
        };
        let (asked, made) = (self.asked.take(), self.title.take());
        State::Keeping(Box::pin(async move {
            let mut body = collector.finish()?;
            if let Some(id) = kept.completion_id() {
                body.id = id.to_owned();
            }
            let bytes = ChatAnswer::new(&body)?.to_bytes();
            let asked = match asked {
                Some(asked) => asked.await,
                None => made,
            };
            let title = kept.title(asked);
            kept.finish(body, &bytes, title).await.map(drop)
        }))
    }

    /// The title is made while the answer is: whoever waits for one moves the other too.
    fn move_title(&mut self, cx: &mut Context<'_>) {
        if let Some(Poll::Ready(title)) = self.asked.as_mut().map(|asked| asked.poll_unpin(cx)) {
            (self.asked, self.title) = (None, title);
        }
    }
}

impl Stream for KeptStream {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.move_title(cx);
        loop {
            match &mut self.state {
                State::Streaming(chunks) => match ready!(Pin::new(chunks).poll_next(cx)) {
                    Some(Ok(chunk)) => {
                        let taken = self.take(chunk);
                        if taken.is_err() {
                            self.state = State::Done;
                        }
                        return Poll::Ready(Some(taken));
                    }
                    Some(Err(error)) => {
                        self.state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => self.state = self.keep(),
                },
                State::Keeping(keeping) => {
                    let kept = ready!(keeping.poll_unpin(cx));
                    self.state = State::Done;
                    if let Err(error) = kept {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}
