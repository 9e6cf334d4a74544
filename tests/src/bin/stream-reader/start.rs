//! Measures the time from the start of a server to its first good answer.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::client::{Connection, Requests};
use crate::numbers::JsonLine;

/// The longest time that a start may take.
const LONGEST: Duration = Duration::from_secs(30);
/// The pause between two attempts, and so the precision of the result.
const PAUSE: Duration = Duration::from_micros(500);

/// Starts the command, requests `url` until there is a good answer, and stops the command.
pub(crate) async fn start(url: &str, command: &[String]) -> io::Result<String> {
    let requests = Requests::get(url)?;
    if Connection::open(&requests).await.is_ok() {
        return Err(io::Error::other("something listens there already"));
    }
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let took = answered(&requests, &mut child, began).await;
    child.kill().await?;
    Ok(JsonLine::default().number("start_ms", took?.as_secs_f64() * 1000.0).end())
}

async fn answered(requests: &Requests, child: &mut Child, began: Instant) -> io::Result<Duration> {
    loop {
        if let Ok(mut connection) = Connection::open(requests).await
            && connection.timed(requests).await.is_ok()
        {
            return Ok(began.elapsed());
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the command ended: {status}")));
        }
        if began.elapsed() > LONGEST {
            return Err(io::Error::other("no good answer in time"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
