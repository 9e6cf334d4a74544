//! 05 · The API in your own hyper accept loop, if you want to accept connections yourself. `Server::serve` does the
//! same, with limits and a drain.
//!
//!     cargo run -p jan-examples --bin 05_plain_hyper_loop

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jan_server::{AllowAll, Echo, Server, bind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().auth(AllowAll::new()).model(Echo::default()).build().await?;

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        let service = TowerToHyperService::new(server.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                eprintln!("{error}");
            }
        });
    }
}
