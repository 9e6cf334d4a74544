//! THE TABLE: the whole API on one page. Routing, credentials, rate limits, CORS and the OpenAPI document all read it;
//! a route that is not in it does not exist.

use std::num::NonZeroU64;
use std::sync::LazyLock;

use futures_util::future::BoxFuture;
use http::Method;

use crate::gateway::rate::LimitGroup;
use crate::http::call::{BodyLimit, Call};
use crate::http::reply::Reply;
use crate::openapi::entries::{self as doc, Doc};
use crate::rooms::Rooms;
use crate::routes::{
    auth, branches, chat, completions, conversations, docs, embeddings, files, health, home, images, items,
    media, media_bytes, media_upload, models, projects, regenerate, shares, templates, text_completions,
    usage, users,
};

/// What may stand around a file in a body: a form's other fields, a JSON object.
const AROUND_FILES: usize = 512 * 1024;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Whoever shows a valid credential.
    User,
}

/// The service of the original that a route belongs to. At the gateway its routes also answer under its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The gateway itself: no prefix.
    Gateway,
    /// `/llm`.
    Llm,
    /// `/media`.
    Media,
}

/// What becomes of a request that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is acted on again.
    Runs,
    /// It makes something. With an `Idempotency-Key` it is answered as it was, and nothing is made twice.
    Replays,
}

/// How large bodies may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As configured for JSON.
    Json,
    /// As large as a file, in base64 if need be, and what stands around it.
    File,
}

/// One route.
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) service: Service,
    pub(crate) access: Access,
    pub(crate) limit: LimitGroup,
    pub(crate) repeat: Repeat,
    pub(crate) size: Size,
    pub(crate) handler: fn(Call) -> BoxFuture<'static, Reply>,
    pub(crate) doc: &'static Doc,
}

/// A line of the table.
macro_rules! row {
    ($method:ident $path:literal, $service:ident, $access:ident, $limit:ident, $repeat:ident, $handler:path, $doc:path) => {
        row!($method $path, $service, $access, $limit, $repeat, $handler, $doc, Json)
    };
    ($method:ident $path:literal, $service:ident, $access:ident, $limit:ident, $repeat:ident, $handler:path, $doc:path, $size:ident) => {
        Row {
            method: Method::$method,
            path: $path,
            service: Service::$service,
            access: Access::$access,
            limit: LimitGroup::$limit,
            repeat: Repeat::$repeat,
            size: Size::$size,
            handler: |call| Box::pin($handler(call)),
            doc: &$doc,
        }
    };
}

#[rustfmt::skip]
pub(crate) static TABLE: &[Row] = &[
    //   method path                                                 service  access  limit        repeat   handler                         documentation
    row!(POST   "/v1/chat/completions",                              Llm,     User,   V1,          Replays, chat::create,                   doc::CHAT_CREATE),
    row!(GET    "/v1/chat/completions",                              Llm,     User,   V1,          Runs,    completions::all,               doc::conversations::COMPLETIONS_LIST),
    row!(GET    "/v1/chat/completions/{id}",                         Llm,     User,   V1,          Runs,    completions::get,               doc::conversations::COMPLETIONS_GET),
    row!(POST   "/v1/chat/completions/{id}",                         Llm,     User,   V1,          Runs,    completions::update,            doc::conversations::COMPLETIONS_UPDATE),
    row!(DELETE "/v1/chat/completions/{id}",                         Llm,     User,   V1,          Runs,    completions::delete,            doc::conversations::COMPLETIONS_DELETE),
    row!(GET    "/v1/chat/completions/{id}/messages",                Llm,     User,   V1,          Runs,    completions::messages,          doc::conversations::COMPLETIONS_MESSAGES),
    row!(POST   "/v1/completions",                                   Llm,     User,   V1,          Replays, text_completions::create,       doc::COMPLETIONS_CREATE),
    row!(GET    "/v1/models",                                        Llm,     User,   V1,          Runs,    models::list,                   doc::MODELS_LIST),
    row!(GET    "/v1/models/catalogs/{*id}",                         Llm,     User,   V1,          Runs,    models::details,                doc::MODELS_DETAILS),
    row!(GET    "/v1/models/{*id}",                                  Llm,     User,   V1,          Runs,    models::get,                    doc::MODELS_GET),
    row!(POST   "/v1/embeddings",                                    Llm,     User,   V1,          Runs,    embeddings::create,             doc::EMBEDDINGS_CREATE),
    row!(POST   "/v1/conversations",                                 Llm,     User,   V1,          Replays, conversations::create,          doc::conversations::CREATE),
    row!(GET    "/v1/conversations",                                 Llm,     User,   V1,          Runs,    conversations::all,             doc::conversations::LIST),
    row!(DELETE "/v1/conversations",                                 Llm,     User,   V1,          Runs,    conversations::delete_all,      doc::conversations::DELETE_ALL),
    row!(POST   "/v1/conversations/bulk-delete",                     Llm,     User,   V1,          Runs,    conversations::bulk_delete,     doc::conversations::BULK_DELETE),
    row!(GET    "/v1/conversations/{id}",                            Llm,     User,   V1,          Runs,    conversations::get,             doc::conversations::GET),
    row!(POST   "/v1/conversations/{id}",                            Llm,     User,   V1,          Runs,    conversations::update,          doc::conversations::UPDATE),
    row!(PATCH  "/v1/conversations/{id}",                            Llm,     User,   V1,          Runs,    conversations::update,          doc::conversations::PATCH),
    row!(DELETE "/v1/conversations/{id}",                            Llm,     User,   V1,          Runs,    conversations::delete,          doc::conversations::DELETE),
    row!(POST   "/v1/conversations/{id}/items",                      Llm,     User,   V1,          Replays, items::create,                  doc::conversations::ITEMS_CREATE),
    row!(GET    "/v1/conversations/{id}/items",                      Llm,     User,   V1,          Runs,    items::all,                     doc::conversations::ITEMS_LIST),
    row!(GET    "/v1/conversations/{id}/items/{item_id}",            Llm,     User,   V1,          Runs,    items::get,                     doc::conversations::ITEMS_GET),
    row!(DELETE "/v1/conversations/{id}/items/{item_id}",            Llm,     User,   V1,          Runs,    items::delete,                  doc::conversations::ITEMS_DELETE),
    row!(GET    "/v1/conversations/{id}/items/by-call-id/{call_id}", Llm,     User,   V1,          Runs,    items::by_call,                 doc::conversations::ITEMS_BY_CALL),
    row!(PATCH  "/v1/conversations/{id}/items/by-call-id/{call_id}", Llm,     User,   V1,          Runs,    items::report_call,             doc::conversations::ITEMS_REPORT),
    row!(POST   "/v1/conversations/{id}/items/{item_id}/edit",       Llm,     User,   V1,          Replays, regenerate::edit,               doc::conversations::ITEMS_EDIT),
    row!(PUT    "/v1/conversations/{id}/items/{item_id}/edit",       Llm,     User,   V1,          Replays, regenerate::edit,               doc::conversations::ITEMS_PUT),
    row!(POST   "/v1/conversations/{id}/items/{item_id}/regenerate", Llm,     User,   V1,          Replays, regenerate::regenerate,         doc::conversations::ITEMS_REGENERATE),
    row!(GET    "/v1/conversations/{id}/branches",                   Llm,     User,   V1,          Runs,    branches::all,                  doc::conversations::BRANCHES_LIST),
    row!(POST   "/v1/conversations/{id}/branches",                   Llm,     User,   V1,          Replays, branches::create,               doc::conversations::BRANCHES_CREATE),
    row!(GET    "/v1/conversations/{id}/branches/{name}",            Llm,     User,   V1,          Runs,    branches::get,                  doc::conversations::BRANCHES_GET),
    row!(DELETE "/v1/conversations/{id}/branches/{name}",            Llm,     User,   V1,          Runs,    branches::delete,               doc::conversations::BRANCHES_DELETE),
    row!(POST   "/v1/conversations/{id}/branches/{name}/activate",   Llm,     User,   V1,          Runs,    branches::activate,             doc::conversations::BRANCHES_ACTIVATE),
    row!(POST   "/v1/conversations/{id}/share",                      Llm,     User,   V1,          Replays, shares::create,                 doc::shares::CREATE),
    row!(GET    "/v1/conversations/{id}/shares",                     Llm,     User,   V1,          Runs,    shares::of_conversation,        doc::shares::OF_CONVERSATION),
    row!(DELETE "/v1/conversations/{id}/shares/{share_id}",          Llm,     User,   V1,          Runs,    shares::revoke_of_conversation, doc::shares::REVOKE_OF_CONVERSATION),
    row!(POST   "/v1/conversations/{id}/items/{item_id}/share",      Llm,     User,   V1,          Replays, shares::create_of_item,         doc::shares::CREATE_OF_ITEM),
    row!(GET    "/v1/shares",                                        Llm,     User,   V1,          Runs,    shares::all,                    doc::shares::LIST),
    row!(DELETE "/v1/shares/{id}",                                   Llm,     User,   V1,          Runs,    shares::revoke,                 doc::shares::REVOKE),
    row!(GET    "/v1/public/shares/{slug}",                          Gateway, Public, Shares,      Runs,    shares::public,                 doc::shares::PUBLIC),
    row!(HEAD   "/v1/public/shares/{slug}",                          Gateway, Public, Shares,      Runs,    shares::public_head,            doc::shares::PUBLIC_HEAD),
    row!(GET    "/v1/share/{slug}",                                  Gateway, Public, Shares,      Runs,    shares::public,                 doc::shares::PUBLIC_ALIAS),
    row!(GET    "/v1/projects",                                      Llm,     User,   V1,          Runs,    projects::all,                  doc::projects::LIST),
    row!(POST   "/v1/projects",                                      Llm,     User,   V1,          Replays, projects::create,               doc::projects::CREATE),
    row!(GET    "/v1/projects/{id}",                                 Llm,     User,   V1,          Runs,    projects::get,                  doc::projects::GET),
    row!(PATCH  "/v1/projects/{id}",                                 Llm,     User,   V1,          Runs,    projects::update,               doc::projects::UPDATE),
    row!(DELETE "/v1/projects/{id}",                                 Llm,     User,   V1,          Runs,    projects::delete,               doc::projects::DELETE),
    row!(GET    "/v1/projects/{id}/conversations",                   Llm,     User,   V1,          Runs,    conversations::of_project,      doc::projects::CONVERSATIONS),
    row!(GET    "/v1/users/me",                                      Llm,     User,   V1,          Runs,    users::me,                      doc::users::ME),
    row!(DELETE "/v1/users/me",                                      Llm,     User,   V1,          Runs,    users::delete,                  doc::users::DELETE_ME),
    row!(GET    "/v1/users/me/settings",                             Llm,     User,   V1,          Runs,    users::settings,                doc::users::SETTINGS),
    row!(PATCH  "/v1/users/me/settings",                             Llm,     User,   V1,          Runs,    users::change_settings,         doc::users::CHANGE_SETTINGS),
    row!(GET    "/v1/users/me/settings/preferences",                 Llm,     User,   V1,          Runs,    users::preferences,             doc::users::PREFERENCES),
    row!(PATCH  "/v1/users/me/settings/preferences",                 Llm,     User,   V1,          Runs,    users::change_preferences,      doc::users::CHANGE_PREFERENCES),
    row!(GET    "/v1/usage/me",                                      Llm,     User,   V1,          Runs,    usage::me,                      doc::usage::ME),
    row!(GET    "/v1/usage/me/daily",                                Llm,     User,   V1,          Runs,    usage::daily,                   doc::usage::DAILY),
    row!(GET    "/v1/usage/projects/{id}",                           Llm,     User,   V1,          Runs,    usage::of_project,              doc::usage::OF_PROJECT),
    row!(POST   "/v1/images/generations",                            Llm,     User,   V1,          Replays, images::generate,               doc::images::GENERATE),
    row!(POST   "/v1/images/edits",                                  Llm,     User,   V1,          Replays, images::edit,                   doc::images::EDIT, File),
    row!(POST   "/v1/images/variations",                             Llm,     User,   V1,          Runs,    images::variations,             doc::images::VARIATIONS),
    row!(POST   "/v1/files",                                         Media,   User,   Media,       Runs,    files::create,                  doc::files::CREATE, File),
    row!(GET    "/v1/files",                                         Media,   User,   Media,       Runs,    files::all,                     doc::files::LIST),
    row!(POST   "/v1/files/upload",                                  Media,   User,   Media,       Runs,    files::upload,                  doc::files::UPLOAD, File),
    row!(GET    "/v1/files/{id}",                                    Media,   User,   Media,       Runs,    files::get,                     doc::files::GET),
    row!(DELETE "/v1/files/{id}",                                    Media,   User,   Media,       Runs,    files::delete,                  doc::files::DELETE),
    row!(GET    "/v1/files/{id}/metadata",                           Media,   User,   Media,       Runs,    files::get,                     doc::files::METADATA),
    row!(GET    "/v1/files/{id}/content",                            Media,   User,   Media,       Runs,    files::content,                 doc::files::CONTENT),
    row!(POST   "/v1/media",                                         Media,   User,   Media,       Replays, media::create,                  doc::media::CREATE, File),
    row!(GET    "/v1/media",                                         Media,   User,   Media,       Runs,    media::all,                     doc::media::LIST),
    row!(POST   "/v1/media/upload",                                  Media,   User,   Media,       Runs,    media_upload::form,             doc::media::UPLOAD, File),
    row!(POST   "/v1/media/prepare-upload",                          Media,   User,   Media,       Replays, media::prepare,                 doc::media::PREPARE),
    row!(POST   "/v1/media/upload-presigned",                        Media,   User,   Media,       Replays, media::prepare,                 doc::media::PREPARE_ALIAS),
    row!(POST   "/v1/media/resolve",                                 Media,   User,   Media,       Runs,    media::resolve,                 doc::media::RESOLVE),
    row!(POST   "/v1/media/bulk-delete",                             Media,   User,   Media,       Runs,    media::bulk_delete,             doc::media::BULK_DELETE),
    row!(GET    "/v1/media/{id}",                                    Media,   User,   Media,       Runs,    media_bytes::get,               doc::media::GET),
    row!(HEAD   "/v1/media/{id}",                                    Media,   User,   Media,       Runs,    media_bytes::get_head,          doc::media::HEAD),
    row!(PATCH  "/v1/media/{id}",                                    Media,   User,   Media,       Runs,    media::update,                  doc::media::UPDATE),
    row!(DELETE "/v1/media/{id}",                                    Media,   User,   Media,       Runs,    media::delete,                  doc::media::DELETE),
    row!(GET    "/v1/media/{id}/metadata",                           Media,   User,   Media,       Runs,    media::metadata,                doc::media::METADATA),
    row!(GET    "/v1/media/{id}/presign",                            Media,   User,   Media,       Runs,    media::presign,                 doc::media::PRESIGN),
    row!(POST   "/v1/media/{id}/complete",                           Media,   User,   Media,       Runs,    media::complete,                doc::media::COMPLETE),
    row!(GET    "/api/media/{id}",                                   Gateway, Public, PublicMedia, Runs,    media_bytes::shown,             doc::media::SHOWN),
    row!(HEAD   "/api/media/{id}",                                   Gateway, Public, PublicMedia, Runs,    media_bytes::shown_head,        doc::media::SHOWN_HEAD),
    row!(PUT    "/api/media/{id}",                                   Gateway, Public, PublicMedia, Runs,    media_upload::put,              doc::media::PUT, File),
    row!(GET    "/v1/prompt-templates/{key}",                        Gateway, Public, V1,          Runs,    templates::get,                 doc::templates::GET),
    row!(GET    "/v1/version",                                       Llm,     User,   V1,          Runs,    health::version,                doc::VERSION),
    row!(POST   "/auth/guest-login",                                 Llm,     Public, GlobalOnly,  Runs,    auth::guest_login,              doc::GUEST_LOGIN),
    row!(POST   "/auth/refresh-token",                               Llm,     Public, GlobalOnly,  Runs,    auth::refresh_token,            doc::REFRESH_TOKEN),
    row!(GET    "/healthz",                                          Gateway, Public, GlobalOnly,  Runs,    health::healthz,                doc::HEALTHZ),
    row!(GET    "/media/healthz",                                    Gateway, Public, GlobalOnly,  Runs,    health::healthz,                doc::MEDIA_HEALTHZ),
    row!(GET    "/readyz",                                           Gateway, Public, GlobalOnly,  Runs,    health::readyz,                 doc::READYZ),
    row!(GET    "/api/openapi.json",                                 Gateway, Public, GlobalOnly,  Runs,    docs::openapi,                  doc::OPENAPI),
    row!(GET    "/",                                                 Gateway, Public, GlobalOnly,  Runs,    home::page,                     doc::HOME),
    row!(GET    "/docs",                                             Gateway, Public, GlobalOnly,  Runs,    home::docs,                     doc::DOCS),
    row!(GET    "/api/swagger",                                      Gateway, Public, GlobalOnly,  Runs,    home::swagger,                  doc::SWAGGER_FOLDER),
    row!(GET    "/api/swagger/",                                     Gateway, Public, GlobalOnly,  Runs,    home::swagger_index,            doc::SWAGGER_INDEX),
    row!(GET    "/api/swagger/{*file}",                              Gateway, Public, GlobalOnly,  Runs,    docs::swagger,                  doc::SWAGGER),
];

/// A path that was found: its variable parts, and whether it was asked for under its service's prefix.
pub(crate) struct Path {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) prefixed: bool,
}

/// What the table has for a method and a path.
pub(crate) enum Found {
    Row(&'static Row, Path),
    /// The path exists with these methods only.
    OtherMethods(String),
    Nothing,
}

impl Service {
    fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Gateway => None,
            Self::Llm => Some("/llm"),
            Self::Media => Some("/media"),
        }
    }
}

impl Row {
    /// The limit that counts; under the prefix of the LLM API it is the caller's and not the address's.
    pub(crate) fn limit_group(&self, prefixed: bool) -> LimitGroup {
        if prefixed && self.limit == LimitGroup::V1 { LimitGroup::Llm } else { self.limit }
    }

    /// The largest body that this row takes.
    pub(crate) fn body_limit(&self, rooms: &Rooms) -> BodyLimit {
        let (json, time) = (rooms.settings.body_limit, rooms.settings.body_timeout);
        let rate = NonZeroU64::new(rooms.settings.body_rate);
        match self.size {
            Size::Json => BodyLimit { bytes: json, code: "body_too_large", time, rate },
            Size::File => {
                let file = usize::try_from(rooms.media.settings().max_bytes).unwrap_or(usize::MAX);
                let bytes = (file / 3).saturating_mul(4).saturating_add(AROUND_FILES);
                BodyLimit { bytes, code: "max_size_exceeded", time, rate }
            }
        }
    }

    /// A path that this row answers, without the prefix of its service: the same request under either.
    pub(crate) fn without_prefix<'a>(&self, path: &'a str) -> &'a str {
        self.service.prefix().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or(path)
    }

    /// Every path that this row answers.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (String, bool)> {
        let prefixed = self.service.prefix().map(|prefix| (format!("{prefix}{}", self.path), true));
        std::iter::once((self.path.to_owned(), false)).chain(prefixed)
    }
}

/// The rows of one path, by method.
struct Place {
    rows: Vec<&'static Row>,
    prefixed: bool,
}

static INDEX: LazyLock<matchit::Router<Place>> = LazyLock::new(|| {
    let mut places: Vec<(String, Place)> = Vec::new();
    for row in TABLE {
        for (path, prefixed) in row.paths() {
            match places.iter_mut().find(|(known, _)| *known == path) {
                Some((_, place)) => place.rows.push(row),
                None => places.push((path, Place { rows: vec![row], prefixed })),
            }
        }
    }
    let mut index = matchit::Router::new();
    for (path, place) in places {
        // Two paths that contradict each other would be a fault of the table, which the test below finds.
        if let Err(error) = index.insert(path.clone(), place) {
            tracing::error!(path, %error, "a route of the table cannot be reached");
        }
    }
    index
});

/// Looks a request up.
pub(crate) fn find(method: &Method, path: &str) -> Found {
    let Ok(matched) = INDEX.at(path) else { return Found::Nothing };
    let place = matched.value;
    let of = |wanted: &Method| place.rows.iter().find(|row| row.method == *wanted);
    // A HEAD is a GET whose body is left out on the way to the client.
    match of(method).or_else(|| (*method == Method::HEAD).then(|| of(&Method::GET)).flatten()) {
        Some(row) => {
            let variables =
                matched.params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            Found::Row(row, Path { variables, prefixed: place.prefixed })
        }
        None => {
            let mut methods: Vec<_> = place.rows.iter().map(|row| row.method.as_str()).collect();
            if methods.contains(&"GET") && !methods.contains(&"HEAD") {
                methods.push("HEAD");
            }
            Found::OtherMethods(methods.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reached_by_each_of_its_paths() {
        for row in TABLE {
            for (path, prefixed) in row.paths() {
                let path = path
                    .replace("{*id}", "org/model:tag")
                    .replace("{*file}", "index.html")
                    .replace(['{', '}'], "");
                match find(&row.method, &path) {
                    Found::Row(found, at) => {
                        assert!(std::ptr::eq(found, row) && at.prefixed == prefixed, "{path}")
                    }
                    _ => panic!("{path} is not reached"),
                }
            }
        }
    }

    #[test]
    fn what_makes_something_can_be_repeated_and_is_somebodys() {
        let made = |row: &&Row| row.repeat == Repeat::Replays;
        // Keys are their callers': on a public route everybody would share them.
        assert!(TABLE.iter().filter(made).all(|row| row.method != Method::GET && row.access == Access::User));
        let paths: Vec<_> = TABLE.iter().filter(made).map(|row| row.without_prefix(row.path)).collect();
        assert!(paths.contains(&"/v1/chat/completions") && paths.contains(&"/v1/conversations"));
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        assert!(matches!(find(&Method::PUT, "/v1/models"), Found::OtherMethods(m) if m == "GET, HEAD"));
        assert!(matches!(find(&Method::HEAD, "/v1/models"), Found::Row(..)));
        assert!(matches!(find(&Method::GET, "/v2/models"), Found::Nothing));
    }
}
