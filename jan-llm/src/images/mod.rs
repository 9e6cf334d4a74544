//! The image service: generates images from a prompt and edits images. Every image is stored as media of its owner;
//! when the request names a conversation, an item with the image is added to it.

mod collect;
mod events;
mod new;

mod reply;
mod request;
mod settings;
mod sources;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::image::{ImageReply, ImageRequest, Picture};
use jan_core::media::{MediaResolver, MediaSink};
use jan_core::{Error, ErrorKind, ImageProvider, Result, UserId};

pub use self::new::{ImageEdit, NewImage};

pub use self::settings::ImageSettings;

use self::reply::ReplyBuilder;
use self::request::CheckedRequest;
use crate::Conversations;

/// The image service over one or more [`ImageProvider`]s. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    /// By name. The first is the default.
    providers: Vec<(String, Arc<dyn ImageProvider>)>,
    sink: Arc<dyn MediaSink>,
    resolver: Arc<dyn MediaResolver>,
    conversations: Conversations,
    settings: Arc<ImageSettings>,
}

impl Images {
    /// A service without providers: it refuses every request until [`Images::provider`] adds one.
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

    /// Adds a provider under the name that callers send as `provider_id`.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>, provider: Arc<dyn ImageProvider>) -> Self {
        self.providers.push((name.into(), provider));
        self
    }

    /// Whether at least one provider was added.
    pub fn has_provider(&self) -> bool {
        !self.providers.is_empty()
    }

    /// Generates images from a prompt. Dropping the future stops the work; images that were stored by then stay stored.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the member, or when there is no provider; [`ErrorKind::NotFound`] for an unknown
    /// conversation or provider; as [`ImageProvider::generate`]; as [`MediaSink::keep`].
    pub async fn generate(&self, owner: &UserId, new: NewImage) -> Result<ImageReply> {
        let request = CheckedRequest::read(new.0, &self.settings, false)?;
        self.run(owner, request, Vec::new(), None).await
    }

    /// Edits images: those uploaded beside the body, and those that `image` or `images` names by id, by URL or in
    /// base64.
    ///
    /// # Errors
    /// As [`Images::generate`]; [`ErrorKind::Invalid`] with code `unknown_media` for an id that is not the owner's.
    pub async fn edit(&self, owner: &UserId, edit: ImageEdit) -> Result<ImageReply> {
        let request = CheckedRequest::read(edit.new.0, &self.settings, true)?;
        let (pictures, mask) = self.edit_sources(owner, &request, edit.pictures, edit.mask).await?;
        self.run(owner, request, pictures, mask).await
    }

    async fn run(
        &self,
        owner: &UserId,
        checked: CheckedRequest,
        pictures: Vec<Picture>,
        mask: Option<Picture>,
    ) -> Result<ImageReply> {
        let provider = self.pick(checked.provider.as_deref())?;
        if let Some(id) = &checked.conversation {
            // Checked before an image is generated and paid for.
            self.conversations.get(owner, id).await.map_err(|error| error.with_param("conversation_id"))?;
        }
        let request = ImageRequest { members: checked.members.clone(), pictures, mask };
        let streams = checked.streams;
        let reply = match provider.generate(request).await? {
            ImageReply::Events(events) if !streams => ImageReply::Whole(collect::whole_of(events).await?),
            reply => reply,
        };
        let builder = ReplyBuilder { images: self.clone(), owner: owner.clone(), request: checked };
        match reply {
            ImageReply::Whole(whole) => {
                let whole = builder.whole(whole).await?;
                if !streams {
                    return Ok(ImageReply::Whole(whole));
                }
                let events = events::completed(&whole, builder.request.is_edit)?;
                Ok(ImageReply::Events(stream::iter(events.into_iter().map(Ok)).boxed()))
            }
            ImageReply::Events(events) => {
                let builder = Arc::new(builder);
                let events = events.and_then(move |event| {
                    let builder = builder.clone();
                    async move { builder.event(event).await }
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
