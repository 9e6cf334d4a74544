//! `GET /`, and redirects to the documentation, for people who open the server in a browser. The links are relative, so
//! that they work wherever the server is mounted.

use http::header::{ACCEPT, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::call::Call;
use super::docs::allowed;
use crate::http::body::Body;
use crate::http::reply::{Reply, bare, with_type};

/// The path of Swagger UI, relative to the root.
const DOCUMENTATION: &str = "api/swagger/index.html";

/// Describes the server: as a page for browsers, as JSON for other clients.
pub(crate) async fn page(call: Call) -> Reply {
    let documented = allowed(&call).is_ok();
    if call.header(ACCEPT.as_str()).is_some_and(|accepted| accepted.contains("text/html")) {
        return Ok(with_type("text/html; charset=utf-8", html(documented)));
    }
    bare(&Home {
        name: "Jan Server",
        version: env!("CARGO_PKG_VERSION"),
        api: "v1",
        documentation: documented.then_some(DOCUMENTATION),
        openapi: documented.then_some("api/openapi.json"),
    })
}

/// The description of the server.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Home {
    #[cfg_attr(feature = "openapi", schema(example = "Jan Server"))]
    name: &'static str,
    version: &'static str,
    #[cfg_attr(feature = "openapi", schema(example = "v1"))]
    api: &'static str,
    /// Where Swagger UI is, if it is served.
    documentation: Option<&'static str>,
    /// Where this document is, if it is served.
    openapi: Option<&'static str>,
}

/// `/docs`
pub(crate) async fn docs(call: Call) -> Reply {
    redirect(&call, DOCUMENTATION)
}

/// `/api/swagger`
pub(crate) async fn swagger(call: Call) -> Reply {
    redirect(&call, "swagger/index.html")
}

/// `/api/swagger/`
pub(crate) async fn swagger_index(call: Call) -> Reply {
    redirect(&call, "index.html")
}

fn redirect(call: &Call, location: &'static str) -> Reply {
    allowed(call)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(location));
    Ok(response)
}

fn html(documented: bool) -> String {
    let links = if documented {
        format!(
            "<p><a href=\"{DOCUMENTATION}\">Try the API in Swagger UI</a> · <a href=\"api/openapi.json\">OpenAPI document</a></p>"
        )
    } else {
        String::new()
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Jan Server</title>\n\
         <style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#222}}\
         code{{background:#f2f2f2;padding:.1rem .3rem;border-radius:.2rem}}\
         @media(prefers-color-scheme:dark){{body{{background:#161616;color:#ddd}}code{{background:#2a2a2a}}a{{color:#8ab4f8}}}}\
         </style>\n</head>\n<body>\n<h1>Jan Server {}</h1>\n\
         <p>An API for chat, conversations and media that OpenAI's clients can talk to. Give them this address with \
         <code>/v1</code> behind it as their base URL.</p>\n{links}\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    )
}
