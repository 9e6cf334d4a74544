//! Converts an upstream's error replies to errors for our caller. An error in the request is passed on with the
//! upstream's own message. An error of the upstream, or of our credentials there, is not the caller's, so its details
//! go only to the log.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use jan_core::chat::ReportedError;
use jan_core::{Error, ErrorKind};

use super::faults::Endpoint;
use super::reply::Reply;

/// How many bytes of an error's body are read.
const MAX_ERROR: usize = 256 * 1024;
/// How many characters of its message are logged.
const MAX_LOGGED: usize = 200;
/// The longest `Retry-After` that is passed on; a longer one is ignored.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Reads the body of an unsuccessful reply and converts it to an error. `endpoint` is the address of the request; it is
/// added to the cause, for the log.
pub(super) async fn into_error(status: StatusCode, endpoint: &Endpoint<'_>, reply: Reply) -> Error {
    let headers = reply.headers.clone();
    // The status alone is enough for an error, so a body that breaks off is ignored.
    let body = reply.bytes_up_to(MAX_ERROR).await.unwrap_or_default();
    convert(status, endpoint, &headers, &body, SystemTime::now())
}

fn convert(
    status: StatusCode,
    endpoint: &Endpoint<'_>,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Error {
    let reported = ReportedError::read(body);
    let text = reported.message.clone().unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let logged: String = text.chars().take(MAX_LOGGED).collect();
    let as_error = |kind, fallback| passed_on(reported.clone(), kind, fallback);
    let error = match status.as_u16() {
        400 => as_error(ErrorKind::Invalid, "The upstream found the request invalid."),
        402 => Error::upstream("The upstream asks for payment.").with_code("upstream_quota"),
        401 | 403 => Error::upstream("The upstream refused our credentials.").with_code("upstream_auth"),
        404 if endpoint.is_mandatory() && !names_a_model(&text) => {
            let message =
                "The upstream has no such route. The operator of this server finds the address in its log.";
            Error::upstream(message).with_code("upstream_path")
        }
        404 => as_error(ErrorKind::NotFound, "The upstream does not know this model or route."),
        408 | 504 => Error::new(ErrorKind::UpstreamTimeout, "The upstream ran out of time."),
        409 => as_error(ErrorKind::Conflict, "The upstream found a conflict."),
        413 => as_error(ErrorKind::TooLarge, "The request is too large for the upstream."),
        415 => as_error(ErrorKind::UnsupportedMediaType, "The upstream does not take this type of content."),
        422 => as_error(ErrorKind::Unprocessable, "The upstream cannot process the request."),
        429 => as_error(ErrorKind::RateLimited, "The upstream asks to come back later."),
        501 => as_error(ErrorKind::NotImplemented, "The upstream does not offer this."),
        503 => Error::unavailable("The upstream is not available now.").with_code("upstream_unavailable"),
        code => Error::upstream(format!("The upstream failed with status {code}.")),
    };
    let error = match retry_after(headers, now) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    };
    error.because(format!("{endpoint} answered {status}: {logged}"))
}

/// Whether a 404 reply is about the model of the request, and not about the path.
fn names_a_model(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["model", "deployment", "endpoint"].iter().any(|word| text.contains(word))
}

/// The error with the upstream's own message, code and parameter.
fn passed_on(reported: ReportedError, kind: ErrorKind, fallback: &'static str) -> Error {
    let mut error = match reported.message {
        Some(message) => Error::new(kind, message),
        None => Error::new(kind, fallback),
    };
    if let Some(code) = reported.code {
        error = error.with_code(code);
    }
    match reported.param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

/// The wait that an upstream asks for: `retry-after-ms`, or `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = if let Some(millis) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        Duration::try_from_secs_f64(millis / 1000.0).ok()?
    } else {
        let value = text(RETRY_AFTER.as_str())?;
        match value.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
            Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
        }
    };
    (wait <= MAX_WAIT).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const ENDPOINT: Endpoint<'_> = Endpoint { server: "http://up", base: "/v1", path: "/chat/completions" };

    fn at(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        convert(StatusCode::from_u16(status).unwrap(), &ENDPOINT, &map, body.as_bytes(), UNIX_EPOCH)
    }

    #[test]
    fn errors_in_the_request_keep_the_upstreams_message() {
        let body = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
        let error = at(400, &[], body);
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "too long"));
        assert_eq!((error.param(), error.code()), (Some("messages"), "context_length_exceeded"));
        assert_eq!(at(422, &[], r#"{"detail":"no such tool"}"#).message(), "no such tool");
    }

    #[test]
    fn errors_of_the_upstream_do_not_show_its_message() {
        for (status, kind) in [
            (401, ErrorKind::Upstream),
            (403, ErrorKind::Upstream),
            (500, ErrorKind::Upstream),
            (302, ErrorKind::Upstream),
            (503, ErrorKind::Unavailable),
            (504, ErrorKind::UpstreamTimeout),
        ] {
            let error = at(status, &[], "<html>secret stack trace</html>");
            assert_eq!(error.kind(), kind, "{status}");
            assert!(!error.message().contains("secret"));
        }
    }

    #[test]
    fn an_unknown_model_is_the_callers_error_and_a_wrong_address_is_not() {
        for unknown in [
            r#"{"error":{"message":"The model `x` does not exist"}}"#,
            r#"{"object":"error","message":"The model `x` does not exist."}"#,
            r#"{"error":{"message":"No endpoints found for x"}}"#,
        ] {
            assert_eq!(at(404, &[], unknown).kind(), ErrorKind::NotFound, "{unknown}");
        }
        for wrong in ["404 page not found", r#"{"detail":"Not Found"}"#, "<html></html>", ""] {
            let error = at(404, &[], wrong);
            assert_eq!((error.kind(), error.code()), (ErrorKind::Upstream, "upstream_path"), "{wrong}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.starts_with("http://up/v1/chat/completions answered 404"), "{cause}");
        }
    }

    #[test]
    fn every_form_of_retry_after_is_understood() {
        let wait = |headers: &[(&'static str, &str)]| {
            at(429, headers, "").retry_after().map(|wait| wait.as_millis())
        };
        assert_eq!(wait(&[("retry-after", "7")]), Some(7000));
        assert_eq!(wait(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(wait(&[("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT")]), Some(9000));
        for nonsense in ["", "soon", "-1", "NaN", "1e300"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }
}
