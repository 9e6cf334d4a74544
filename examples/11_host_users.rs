//! 11 · Users that your axum app has already authenticated: a layer around the server attaches a `Principal` to the
//! request, and `HostPrincipal` reads it. Callers cannot attach one.
//!
//!     cargo run -p jan-examples --bin 11_host_users

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use jan_server::{AuthMethod, Echo, HostPrincipal, Principal, Server, bind};

/// Replace this with the authentication of your app.
async fn sign_in(mut request: Request, next: Next) -> Response {
    let name = request.headers().get("x-my-app-user").and_then(|name| name.to_str().ok());
    let Some(name) = name.map(str::to_owned) else {
        return (StatusCode::UNAUTHORIZED, "Sign in first.").into_response();
    };
    request.extensions_mut().insert(Principal::new(name, AuthMethod::Host));
    next.run(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().auth(HostPrincipal).model(Echo::default()).build().await?;
    let app = Router::new().nest_service("/ai", server).layer(from_fn(sign_in));

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
