//! Counts what answers cost, as the model reports it. Answers and chunks pass by untouched.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;
use jan_core::chat::Usage;
use jan_core::{
    CallReport, Caller, ChatChunk, ChatReply, ChatStream, CompletionProvider, CompletionReply,
    CompletionRequest, Model, ModelCall, ModelProvider, Result,
};
use serde_json::{Map, Value};

use crate::router::no_completions;
use crate::usage::Meter;

/// Counts the tokens of chats and text completions on their callers' accounts, by the model's name that was asked for and the
/// caller's project. Usage is always measured: the model is asked to report it at the end of a stream, whether the
/// caller wants to see it or not. A stream that is dropped is counted with what was reported by then.
pub struct Metered<P> {
    provider: P,
    meter: Meter,
}

impl<P: ModelProvider> Metered<P> {
    /// Counts what `provider` answers.
    pub fn new(provider: P, meter: Meter) -> Self {
        Self { provider, meter }
    }

    fn account(&self, caller: &Caller, model: &str, report: &CallReport) -> Account {
        Account {
            meter: self.meter.clone(),
            caller: caller.clone(),
            model: model.to_owned(),
            report: report.clone(),
        }
    }
}

#[async_trait]
impl<P: ModelProvider> ModelProvider for Metered<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        self.provider.models().await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        Some(&self.provider)
    }

    async fn chat(&self, mut call: ModelCall) -> Result<ChatReply> {
        let account = self.account(&call.caller, call.request.model(), &call.report);
        if call.request.wants_stream() && !call.request.wants_usage() {
            let options = report_usage(call.request.get("stream_options")?);
            call.request = call.request.with("stream_options", &options);
        }
        Ok(match self.provider.chat(call).await? {
            ChatReply::Answer(answer) => {
                account.count(answer.usage());
                answer.into()
            }
            ChatReply::Stream(chunks) => account.counting(chunks).into(),
        })
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        self.provider.completions().is_some().then_some(self)
    }
}

#[async_trait]
impl<P: ModelProvider> CompletionProvider for Metered<P> {
    async fn complete(&self, mut call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let account = self.account(&call.caller, call.request.model(), &call.report);
        if call.request.wants_stream() && !call.request.wants_usage() {
            let options = report_usage(call.request.get("stream_options")?);
            call.request = call.request.with("stream_options", &options);
        }
        let provider = self.provider.completions().ok_or_else(|| no_completions(call.request.model()))?;
        Ok(match provider.complete(call).await? {
            CompletionReply::Answer(answer) => {
                account.count(answer.usage());
                CompletionReply::Answer(answer)
            }
            CompletionReply::Stream(chunks) => CompletionReply::Stream(account.counting(chunks)),
        })
    }
}

/// The options of a stream, with usage reported at its end.
pub(crate) fn report_usage(options: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut options = options.unwrap_or_default();
    options.insert("include_usage".into(), true.into());
    options
}

/// On whose account an answer is.
struct Account {
    meter: Meter,
    caller: Caller,
    model: String,
    report: CallReport,
}

impl Account {
    fn count(&self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.meter.record(self.caller.owner(), &self.model, self.caller.project.as_deref(), &usage);
            self.report.set_usage(usage);
        }
    }

    fn counting(self, chunks: ChatStream) -> ChatStream {
        ChatStream::new(MeteredStream { chunks, account: self, used: None })
    }
}

/// A stream whose usage is counted once: when it ends, or when it is dropped.
struct MeteredStream {
    chunks: ChatStream,
    account: Account,
    /// What was reported last; some models report what they used so far in every chunk.
    used: Option<Usage>,
}

impl Stream for MeteredStream {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut self.chunks).poll_next(cx);
        match &chunk {
            Poll::Ready(Some(Ok(chunk))) => self.used = chunk.usage().or(self.used.take()),
            Poll::Ready(_) => {
                let used = self.used.take();
                self.account.count(used);
            }
            Poll::Pending => {}
        }
        chunk
    }
}

impl Drop for MeteredStream {
    fn drop(&mut self) {
        let used = self.used.take();
        self.account.count(used);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::TryStreamExt;
    use jan_core::{ChatRequest, Principal, SystemClock};

    use super::*;
    use crate::Echo;
    use crate::store::memory_store;
    use crate::usage::Days;

    #[tokio::test]
    async fn every_way_to_ask_is_counted_on_its_callers_account() {
        let meter = Meter::new(&memory_store(), Arc::new(SystemClock));
        let metered = Metered::new(Echo::default(), meter.clone());
        let mut caller = Caller::from(Principal::open("me"));
        caller.project = Some("proj_1".into());
        let chat =
            |stream| ModelCall::new(ChatRequest::new("echo").user("a b").stream(stream), caller.clone());

        let call = chat(false);
        let report = call.report.clone();
        metered.chat(call).await.unwrap().into_answer().await.unwrap();
        let whole = report.usage().unwrap().clone();

        let call = chat(true);
        let report = call.report.clone();
        let chunks = metered.chat(call).await.unwrap().into_stream().unwrap();
        assert!(report.usage().is_none(), "nothing is known before the end");
        chunks.try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(report.usage(), Some(&whole));

        let text = ModelCall::new(CompletionRequest::new("echo", "a b"), caller.clone());
        let report = text.report.clone();
        let reply = metered.completions().unwrap().complete(text).await.unwrap();
        reply.into_answer().await.unwrap();
        let text = report.usage().unwrap().clone();

        let days = Days::last(None, &meter).unwrap();
        let all = meter.report(caller.owner(), Some("proj_1"), days).await.unwrap();
        let all = serde_json::to_value(all).unwrap();
        assert_eq!(all["requests"], 3);
        assert_eq!(all["total_tokens"], 2 * whole.total_tokens + text.total_tokens);
    }

    #[test]
    fn usage_is_asked_for_without_losing_other_options() {
        let request = ChatRequest::new("m")
            .user("x")
            .with("stream_options", &serde_json::json!({"include_obfuscation": false}));
        let options = report_usage(request.get("stream_options").unwrap());
        assert_eq!(options.len(), 2);
        assert_eq!(options["include_usage"], true);
    }
}
