//! Many streams at once: how soon they begin, how evenly they flow, how much passes; or held open, to see what they weigh.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use crate::Target;
use crate::client::{Ask, Connection, Seen};
use crate::numbers::{Line, Times};

/// How long a stream may take before the reader gives up on it.
const LONGEST: Duration = Duration::from_secs(120);

/// Reads `count` streams to their end; their beginnings are spread over `spread`.
pub(crate) async fn read_all(target: &Target, count: usize, spread: Duration) -> io::Result<String> {
    let ask = Ask::chat(target, true)?;
    // Connections first, so that the time to the first token is not the time to connect.
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(&ask).await?);
    }
    let began = Instant::now();
    let mut readers = JoinSet::new();
    let gap = spread / u32::try_from(count).unwrap_or(u32::MAX).max(1);
    for (place, connection) in (0..).zip(connections) {
        let ask = ask.clone();
        readers.spawn(async move {
            tokio::time::sleep(gap * place).await;
            tokio::time::timeout(LONGEST, read(connection, ask)).await.unwrap_or_else(|e| Err(e.into()))
        });
    }
    let (mut first, mut gaps) = (Times::default(), Times::default());
    let (mut events, mut errors, mut said) = (0, 0, String::new());
    while let Some(read) = readers.join_next().await {
        match read? {
            Ok(seen) => {
                seen.first.into_iter().for_each(|time| first.push(time));
                gaps.extend(seen.gaps);
                events += seen.events;
            }
            Err(error) => {
                errors += 1;
                said = error.to_string();
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let line = Line::default()
        .count("streams", count)
        .count("chunks", events)
        .number("chunks_per_s", f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / seconds)
        .count("reads", gaps.count() + first.count())
        .percentiles("ttft", &mut first)
        .percentiles("gap", &mut gaps)
        .count("errors", errors);
    Ok(line.text("error", &said).end())
}

async fn read(mut connection: Connection, ask: Ask) -> io::Result<Seen> {
    connection.stream(&ask).await?.read_all().await
}

/// Opens `count` streams, says so when each has begun, and reads on until stdin ends.
pub(crate) async fn hold(target: &Target, count: usize) -> io::Result<String> {
    let ask = Ask::chat(target, true)?;
    let mut readers = JoinSet::new();
    for _ in 0..count {
        let mut connection = Connection::open(&ask).await?;
        let mut reading = connection.stream(&ask).await?;
        reading.first().await?;
        readers.spawn(async move {
            let _open = connection;
            reading.hold().await
        });
    }
    println!("{}", Line::default().count("held", count).end());
    // Whoever started this ends it by closing our stdin.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(Line::default().count("still_held", readers.len() - drain(&mut readers)).end())
}

/// Takes out the readers that have ended.
fn drain(readers: &mut JoinSet<io::Result<()>>) -> usize {
    std::iter::from_fn(|| readers.try_join_next()).count()
}
