//! Many streams at once: time to the first token, time between chunks, throughput; or held open, to measure memory.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use crate::Target;
use crate::client::{Connection, Requests, StreamStats};
use crate::numbers::{JsonLine, Times};

/// The longest time that a stream may take.
const LONGEST: Duration = Duration::from_secs(120);

/// Reads `count` streams to their end; they begin evenly over the duration `spread`.
pub(crate) async fn read_all(target: &Target, count: usize, spread: Duration) -> io::Result<String> {
    let requests = Requests::chat(target, true)?;
    // Connections first, so that the time to the first token is not the time to connect.
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(&requests).await?);
    }
    let began = Instant::now();
    let mut readers = JoinSet::new();
    let gap = spread / u32::try_from(count).unwrap_or(u32::MAX).max(1);
    for (index, connection) in (0..).zip(connections) {
        let requests = requests.clone();
        readers.spawn(async move {
            tokio::time::sleep(gap * index).await;
            tokio::time::timeout(LONGEST, read(connection, requests)).await.unwrap_or_else(|e| Err(e.into()))
        });
    }
    let (mut first, mut gaps) = (Times::default(), Times::default());
    let (mut events, mut errors, mut last_error) = (0, 0, String::new());
    while let Some(read) = readers.join_next().await {
        match read? {
            Ok(stats) => {
                stats.first.into_iter().for_each(|time| first.push(time));
                gaps.extend(stats.gaps);
                events += stats.events;
            }
            Err(error) => {
                errors += 1;
                last_error = error.to_string();
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let line = JsonLine::default()
        .count("streams", count)
        .count("chunks", events)
        .number("chunks_per_s", f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / seconds)
        .count("reads", gaps.count() + first.count())
        .percentiles("ttft", &mut first)
        .percentiles("gap", &mut gaps)
        .count("errors", errors);
    Ok(line.text("error", &last_error).end())
}

async fn read(mut connection: Connection, requests: Requests) -> io::Result<StreamStats> {
    connection.stream(&requests).await?.read_all().await
}

/// Opens `count` streams, prints a line when all have begun, and reads on until stdin ends.
pub(crate) async fn hold(target: &Target, count: usize) -> io::Result<String> {
    let requests = Requests::chat(target, true)?;
    let mut readers = JoinSet::new();
    for _ in 0..count {
        let mut connection = Connection::open(&requests).await?;
        let mut reading = connection.stream(&requests).await?;
        reading.first().await?;
        readers.spawn(async move {
            let _open = connection;
            reading.hold().await
        });
    }
    println!("{}", JsonLine::default().count("held", count).end());
    // The parent process ends this one by closing its stdin.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(JsonLine::default().count("still_held", readers.len() - drain(&mut readers)).end())
}

/// Removes the readers that have ended and returns their number.
fn drain(readers: &mut JoinSet<io::Result<()>>) -> usize {
    std::iter::from_fn(|| readers.try_join_next()).count()
}
