//! How long a server takes from nothing to its first good answer.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::client::{Ask, Connection};
use crate::numbers::Line;

/// How long a start may take.
const LONGEST: Duration = Duration::from_secs(30);
/// The wait between two tries; also how fine the result is.
const PAUSE: Duration = Duration::from_micros(500);

/// Starts the command, asks for `url` until there is a good answer, and stops the command.
pub(crate) async fn start(url: &str, command: &[String]) -> io::Result<String> {
    let ask = Ask::get(url)?;
    if Connection::open(&ask).await.is_ok() {
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
    let took = answered(&ask, &mut child, began).await;
    child.kill().await?;
    Ok(Line::default().number("start_ms", took?.as_secs_f64() * 1000.0).end())
}

async fn answered(ask: &Ask, child: &mut Child, began: Instant) -> io::Result<Duration> {
    loop {
        if let Ok(mut connection) = Connection::open(ask).await
            && connection.whole(ask).await.is_ok()
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
