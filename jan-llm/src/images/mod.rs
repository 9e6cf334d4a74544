//! Pictures made of words, or of other pictures. Every picture that is made is kept as its owner's media; a conversation
//! that is to remember it gets an item that names it.

mod answer;
mod ask;
mod collect;
mod events;
mod new;
mod pictures;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::image::{ImageReply, ImageRequest, Picture};
use jan_core::media::{MediaResolver, MediaSink};
use jan_core::{Error, ErrorKind, ImageProvider, Result, UserId};

pub use self::new::{ImageEdit, NewImage};

pub use self::settings::ImageSettings;

use self::answer::Answer;
use self::ask::Ask;
use crate::Conversations;

/// Makes pictures through [`ImageProvider`]s. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    /// The first is asked unless another is named.
    providers: Vec<(String, Arc<dyn ImageProvider>)>,
    sink: Arc<dyn MediaSink>,
    resolver: Arc<dyn MediaResolver>,
    conversations: Conversations,
    settings: Arc<ImageSettings>,
}

impl Images {
    /// No provider yet: every request is refused until [`Images::provider`] adds one.
    pub fn new(
        media: Arc<impl MediaSink + MediaResolver>,
        conversations: Conversations,
        settings: ImageSettings,
    ) -> Self {
        Self {
            providers: Vec::new(),
            sink: media.clone(),
            resolver: media,
            conversations,
            settings: Arc::new(settings),
        }
    }

    /// Adds a provider, by the name that a caller may give as `provider_id`.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>, provider: Arc<dyn ImageProvider>) -> Self {
        self.providers.push((name.into(), provider));
        self
    }

    /// Whether there is a provider to ask.
    pub fn can_paint(&self) -> bool {
        !self.providers.is_empty()
    }

    /// Makes pictures of a prompt. Dropping the future stops the work; pictures that were made by then stay kept.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the member, or when pictures are not made here; [`ErrorKind::NotFound`] for a
    /// conversation or provider that is not there; as [`ImageProvider::generate`]; as [`MediaSink::keep`].
    pub async fn generate(&self, owner: &UserId, new: NewImage) -> Result<ImageReply> {
        let ask = Ask::read(new.0, &self.settings, false)?;
        self.paint(owner, ask, Vec::new(), None).await
    }

    /// Changes pictures: those beside the body, or those that its `image` (or `images`) names by id, by URL or in base64.
    ///
    /// # Errors
    /// As [`Images::generate`]; [`ErrorKind::Invalid`] with code `unknown_media` for an id that is not the owner's.
    pub async fn edit(&self, owner: &UserId, edit: ImageEdit) -> Result<ImageReply> {
        let ask = Ask::read(edit.new.0, &self.settings, true)?;
        let (pictures, mask) = self.gathered(owner, &ask, edit.pictures, edit.mask).await?;
        self.paint(owner, ask, pictures, mask).await
    }

    async fn paint(
        &self,
        owner: &UserId,
        ask: Ask,
        pictures: Vec<Picture>,
        mask: Option<Picture>,
    ) -> Result<ImageReply> {
        let provider = self.pick(ask.provider.as_deref())?;
        if let Some(id) = &ask.conversation {
            // Before anything is made and paid for.
            self.conversations.get(owner, id).await.map_err(|error| error.with_param("conversation_id"))?;
        }
        let request = ImageRequest { members: ask.members.clone(), pictures, mask };
        let streams = ask.streams;
        let reply = match provider.generate(request).await? {
            ImageReply::Events(events) if !streams => ImageReply::Whole(collect::whole_of(events).await?),
            reply => reply,
        };
        let answer = Answer { images: self.clone(), owner: owner.clone(), ask };
        match reply {
            ImageReply::Whole(whole) => {
                let whole = answer.whole(whole).await?;
                if !streams {
                    return Ok(ImageReply::Whole(whole));
                }
                let events = events::completed(&whole, answer.ask.is_edit)?;
                Ok(ImageReply::Events(stream::iter(events.into_iter().map(Ok)).boxed()))
            }
            ImageReply::Events(events) => {
                let answer = Arc::new(answer);
                let events = events.and_then(move |event| {
                    let answer = answer.clone();
                    async move { answer.event(event).await }
                });
                Ok(ImageReply::Events(Box::pin(events)))
            }
        }
    }

    fn pick(&self, name: Option<&str>) -> Result<Arc<dyn ImageProvider>> {
        let Some((_, first)) = self.providers.first() else {
            let message = "No pictures are made here: the server has no image provider.";
            return Err(Error::new(ErrorKind::Invalid, message).with_code("image_generation_disabled"));
        };
        let Some(name) = name else { return Ok(first.clone()) };
        let named = self.providers.iter().find(|(known, _)| known == name);
        named.map(|(_, provider)| provider.clone()).ok_or_else(|| {
            Error::not_found(format!("There is no image provider `{name}`."))
                .with_code("provider_not_found")
                .with_param("provider_id")
        })
    }
}
