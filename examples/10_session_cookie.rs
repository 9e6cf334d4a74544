//! 10 · Users identified by the cookie of your own session: a verifier can read the whole head of a request.
//!
//!     cargo run -p jan-examples --bin 10_session_cookie

use std::collections::HashMap;
use std::sync::Arc;

use jan_server::auth::{AuthVerifier, Cached, Presented};
use jan_server::{ApiKeys, AuthMethod, Echo, Error, Principal, Result, Secret, Server, bind};
use jan_server::{SystemClock, async_trait};

/// User names by session id. In your app this is a table, or the service that authenticates users.
struct Sessions(HashMap<String, String>);

#[async_trait]
impl AuthVerifier for Sessions {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        // No session cookie: the next verifier is tried.
        let Some(id) = presented.cookie("session") else { return Ok(None) };
        let ended =
            || Error::unauthenticated("The session has ended. Sign in again.").with_code("session_ended");
        let user = self.0.get(id).ok_or_else(ended)?;
        Ok(Some(Arc::new(Principal::new(user.as_str(), AuthMethod::Session))))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions(HashMap::from([("s3cret".to_owned(), "ann".to_owned())]));
    // Each cookie is verified once in 30 seconds. The verifier sees only the headers that are part of the cache's key.
    let sessions = Cached::new(sessions, Arc::new(SystemClock)).header(http::header::COOKIE);
    let key = Secret::from("sk_example_0123456789abcdef");
    let server = Server::builder()
        .auth(sessions) // users in a browser,
        .auth(ApiKeys::new([&key])?) // and programs with a key
        .model(Echo::default())
        .build()
        .await?;

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    server.serve(listener, tokio::signal::ctrl_c()).await?;
    Ok(())
}
