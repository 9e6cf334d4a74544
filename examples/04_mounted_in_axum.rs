//! 04 · The whole API inside your own axum app, under a path of your choice. `Server` is a `tower` service over `http`
//! types, so it does not matter which version of axum that is.
//!
//!     cargo run -p jan-examples --bin 04_mounted_in_axum

use axum::Router;
use axum::routing::get;
use jan_server::{AllowAll, Echo, Server, bind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without authentication it answers only to host names of this computer. For others:
    // `.hosts(Hosts::local().and("a.example"))`, or `.hosts(Hosts::any())` if your app authenticates callers.
    let server = Server::builder().auth(AllowAll::new()).model(Echo::default()).build().await?;
    let app = Router::new().route("/", get(|| async { "my own page" })).nest_service("/ai", server);

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
