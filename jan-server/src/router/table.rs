//! THE TABLE: the whole API on one page. Routing, credentials, rate limits, CORS and the OpenAPI document all read it;
//! a route that is not in the table does not exist.

use http::Method;

use super::row::{Repeat, Row, Service, Size};
use crate::gateway::admit::Access;
use crate::gateway::rate::LimitGroup;
use crate::routes;

/// The modules of the documentation entries, under the names that the table uses.
#[cfg(feature = "openapi")]
mod docs {
    pub(super) use crate::openapi::entries as general;
    pub(super) use crate::openapi::entries::{
        conversations, files, images, media, projects, shares, templates, usage, users,
    };
}

/// Makes rows of the lines below. Before a pair of braces stands what its rows share: service, access, rate limit,
/// module of the handlers, module of the documentation entries. A row is method, path, handler, documentation entry,
/// and its own marks: `replays` ([`Repeat::Replays`]), `file` ([`Size::File`]).
macro_rules! table {
    ($($service:ident $access:ident $limit:ident, $handlers:ident, $docs:ident {
        $($method:ident $path:literal => $handler:ident, $doc:ident $(, $mark:ident)*;)*
    })*) => {
        &[$($(Row {
            method: Method::$method,
            path: $path,
            service: Service::$service,
            access: Access::$access,
            limit: LimitGroup::$limit,
            repeat: Repeat::Runs,
            size: Size::Json,
            handler: |call| Box::pin(routes::$handlers::$handler(call)),
            #[cfg(feature = "openapi")]
            doc: &docs::$docs::$doc,
        }$(.$mark())*,)*)*]
    };
}

#[rustfmt::skip]
pub(crate) static TABLE: &[Row] = table! {
Llm User V1, chat, general { POST "/v1/chat/completions" => create, CHAT_CREATE, replays; }
Llm User V1, completions, conversations {
    GET    "/v1/chat/completions"               => all,      COMPLETIONS_LIST;
    GET    "/v1/chat/completions/{id}"          => get,      COMPLETIONS_GET;
    POST   "/v1/chat/completions/{id}"          => update,   COMPLETIONS_UPDATE;
    DELETE "/v1/chat/completions/{id}"          => delete,   COMPLETIONS_DELETE;
    GET    "/v1/chat/completions/{id}/messages" => messages, COMPLETIONS_MESSAGES;
}
Llm User V1, text_completions, general { POST "/v1/completions" => create, COMPLETIONS_CREATE, replays; }
Llm User V1, models, general {
    GET    "/v1/models"                => list,    MODELS_LIST;
    GET    "/v1/models/catalogs/{*id}" => details, MODELS_DETAILS;
    GET    "/v1/models/{*id}"          => get,     MODELS_GET;
}
Llm User V1, embeddings, general { POST "/v1/embeddings" => create, EMBEDDINGS_CREATE; }
Llm User V1, conversations, conversations {
    POST   "/v1/conversations"             => create,      CREATE, replays;
    GET    "/v1/conversations"             => all,         LIST;
    DELETE "/v1/conversations"             => delete_all,  DELETE_ALL;
    POST   "/v1/conversations/bulk-delete" => bulk_delete, BULK_DELETE;
    GET    "/v1/conversations/{id}"        => get,         GET;
    POST   "/v1/conversations/{id}"        => update,      UPDATE;
    PATCH  "/v1/conversations/{id}"        => update,      PATCH;
    DELETE "/v1/conversations/{id}"        => delete,      DELETE;
}
Llm User V1, items, conversations {
    POST   "/v1/conversations/{id}/items"                      => create,      ITEMS_CREATE, replays;
    GET    "/v1/conversations/{id}/items"                      => all,         ITEMS_LIST;
    GET    "/v1/conversations/{id}/items/{item_id}"            => get,         ITEMS_GET;
    DELETE "/v1/conversations/{id}/items/{item_id}"            => delete,      ITEMS_DELETE;
    GET    "/v1/conversations/{id}/items/by-call-id/{call_id}" => by_call,     ITEMS_BY_CALL;
    PATCH  "/v1/conversations/{id}/items/by-call-id/{call_id}" => report_call, ITEMS_REPORT;
}
Llm User V1, regenerate, conversations {
    POST   "/v1/conversations/{id}/items/{item_id}/edit"       => edit,       ITEMS_EDIT, replays;
    PUT    "/v1/conversations/{id}/items/{item_id}/edit"       => edit,       ITEMS_PUT, replays;
    POST   "/v1/conversations/{id}/items/{item_id}/regenerate" => regenerate, ITEMS_REGENERATE, replays;
}
Llm User V1, branches, conversations {
    GET    "/v1/conversations/{id}/branches"                 => all,      BRANCHES_LIST;
    POST   "/v1/conversations/{id}/branches"                 => create,   BRANCHES_CREATE, replays;
    GET    "/v1/conversations/{id}/branches/{name}"          => get,      BRANCHES_GET;
    DELETE "/v1/conversations/{id}/branches/{name}"          => delete,   BRANCHES_DELETE;
    POST   "/v1/conversations/{id}/branches/{name}/activate" => activate, BRANCHES_ACTIVATE;
}
Llm User V1, shares, shares {
    POST   "/v1/conversations/{id}/share"                 => create,                 CREATE, replays;
    GET    "/v1/conversations/{id}/shares"                => of_conversation,        OF_CONVERSATION;
    DELETE "/v1/conversations/{id}/shares/{share_id}"     => revoke_of_conversation, REVOKE_OF_CONVERSATION;
    POST   "/v1/conversations/{id}/items/{item_id}/share" => create_of_item,         CREATE_OF_ITEM, replays;
    GET    "/v1/shares"                                   => all,                    LIST;
    DELETE "/v1/shares/{id}"                              => revoke,                 REVOKE;
}
Gateway Public Shares, shares, shares {
    GET    "/v1/public/shares/{slug}" => public,      PUBLIC;
    HEAD   "/v1/public/shares/{slug}" => public_head, PUBLIC_HEAD;
    GET    "/v1/share/{slug}"         => public,      PUBLIC_ALIAS;
}
Llm User V1, projects, projects {
    GET    "/v1/projects"      => all,    LIST;
    POST   "/v1/projects"      => create, CREATE, replays;
    GET    "/v1/projects/{id}" => get,    GET;
    PATCH  "/v1/projects/{id}" => update, UPDATE;
    DELETE "/v1/projects/{id}" => delete, DELETE;
}
Llm User V1, conversations, projects { GET "/v1/projects/{id}/conversations" => of_project, CONVERSATIONS; }
Llm User V1, users, users {
    GET    "/v1/users/me"                      => me,                 ME;
    DELETE "/v1/users/me"                      => delete,             DELETE_ME;
    GET    "/v1/users/me/settings"             => settings,           SETTINGS;
    PATCH  "/v1/users/me/settings"             => change_settings,    CHANGE_SETTINGS;
    GET    "/v1/users/me/settings/preferences" => preferences,        PREFERENCES;
    PATCH  "/v1/users/me/settings/preferences" => change_preferences, CHANGE_PREFERENCES;
}
Llm User V1, usage, usage {
    GET    "/v1/usage/me"            => me,         ME;
    GET    "/v1/usage/me/daily"      => daily,      DAILY;
    GET    "/v1/usage/projects/{id}" => of_project, OF_PROJECT;
}
Llm User V1, images, images {
    POST   "/v1/images/generations" => generate,   GENERATE, replays;
    POST   "/v1/images/edits"       => edit,       EDIT, replays, file;
    POST   "/v1/images/variations"  => variations, VARIATIONS;
}
Media User Media, files, files {
    POST   "/v1/files"               => create,  CREATE, file;
    GET    "/v1/files"               => all,     LIST;
    POST   "/v1/files/upload"        => upload,  UPLOAD, file;
    GET    "/v1/files/{id}"          => get,     GET;
    DELETE "/v1/files/{id}"          => delete,  DELETE;
    GET    "/v1/files/{id}/metadata" => get,     METADATA;
    GET    "/v1/files/{id}/content"  => content, CONTENT;
}
Media User Media, media, media {
    POST   "/v1/media"                  => create,      CREATE, replays, file;
    GET    "/v1/media"                  => all,         LIST;
    POST   "/v1/media/prepare-upload"   => prepare,     PREPARE, replays;
    POST   "/v1/media/upload-presigned" => prepare,     PREPARE_ALIAS, replays;
    POST   "/v1/media/resolve"          => resolve,     RESOLVE;
    POST   "/v1/media/bulk-delete"      => bulk_delete, BULK_DELETE;
    PATCH  "/v1/media/{id}"             => update,      UPDATE;
    DELETE "/v1/media/{id}"             => delete,      DELETE;
    GET    "/v1/media/{id}/metadata"    => metadata,    METADATA;
    GET    "/v1/media/{id}/presign"     => presign,     PRESIGN;
    POST   "/v1/media/{id}/complete"    => complete,    COMPLETE;
}
Media User Media, media_upload, media { POST "/v1/media/upload" => form, UPLOAD, file; }
Media User Media, media_bytes, media {
    GET    "/v1/media/{id}" => get,      GET;
    HEAD   "/v1/media/{id}" => get_head, HEAD;
}
Gateway Public PublicMedia, media_bytes, media {
    GET    "/api/media/{id}" => public,      PUBLIC;
    HEAD   "/api/media/{id}" => public_head, PUBLIC_HEAD;
}
Gateway Public PublicMedia, media_upload, media { PUT "/api/media/{id}" => put, PUT, file; }
Gateway Public V1, templates, templates { GET "/v1/prompt-templates/{key}" => get, GET; }
Llm User V1, health, general { GET "/v1/version" => version, VERSION; }
Llm Public GlobalOnly, auth, general {
    POST   "/auth/guest-login"   => guest_login,   GUEST_LOGIN;
    POST   "/auth/refresh-token" => refresh_token, REFRESH_TOKEN;
}
Gateway Public GlobalOnly, health, general {
    GET    "/healthz"       => healthz, HEALTHZ;
    GET    "/media/healthz" => healthz, MEDIA_HEALTHZ;
    GET    "/readyz"        => readyz,  READYZ;
}
Gateway Public GlobalOnly, docs, general {
    GET    "/api/openapi.json"    => openapi, OPENAPI;
    GET    "/api/swagger/{*file}" => swagger, SWAGGER;
}
Gateway Public GlobalOnly, home, general {
    GET    "/"             => page,          HOME;
    GET    "/docs"         => docs,          DOCS;
    GET    "/api/swagger"  => swagger,       SWAGGER_FOLDER;
    GET    "/api/swagger/" => swagger_index, SWAGGER_INDEX;
}
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_with_idempotency_keys_require_a_caller() {
        let replays = |row: &&Row| row.repeat == Repeat::Replays;
        // Keys belong to a caller; on a public route all callers would share them.
        assert!(
            TABLE.iter().filter(replays).all(|row| row.method != Method::GET && row.access == Access::User)
        );
        let paths: Vec<_> = TABLE.iter().filter(replays).map(|row| row.without_prefix(row.path)).collect();
        assert!(paths.contains(&"/v1/chat/completions") && paths.contains(&"/v1/conversations"));
    }
}
