//! 01 · The whole API with a model that repeats the last message. It needs nothing but this program.
//!
//!     cargo run -p jan-examples --bin 01_hello_server

use jan_server::{AllowAll, Echo, Server, bind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder()
        .auth(AllowAll::new()) // no authentication: only for a server that only you can reach
        .model(Echo::default()) // or OpenAi::at("http://localhost:11434/v1")
        .build()
        .await?;

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    server.serve(listener, tokio::signal::ctrl_c()).await?;
    Ok(())
}
