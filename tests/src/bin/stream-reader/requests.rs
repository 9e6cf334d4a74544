//! Whole answers: at a fixed rate (to measure latency), or as fast as possible (to measure throughput).

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};
use tokio::time::MissedTickBehavior;

use crate::Target;
use crate::client::{Connection, Requests};
use crate::numbers::{JsonLine, Times};

/// Sends `rate` requests a second for `secs` seconds. No request waits for the answer to another: without a free
/// connection it opens a new one, so that the results show a slow server as slow.
pub(crate) async fn rate(target: &Target, rate: u32, secs: u32) -> io::Result<String> {
    let requests = target.requests()?;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Connection::open(&requests).await?);
    }
    LocalSet::new().run_until(paced(requests, Rc::new(RefCell::new(open)), rate.max(1), secs)).await
}

async fn paced(
    requests: Requests,
    free: Rc<RefCell<Vec<Connection>>>,
    rate: u32,
    secs: u32,
) -> io::Result<String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut pending = JoinSet::new();
    for _ in 0..rate * secs {
        ticks.tick().await;
        let (requests, free) = (requests.clone(), free.clone());
        pending.spawn_local(async move {
            let idle = free.borrow_mut().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => Connection::open(&requests).await?,
            };
            let time = connection.timed(&requests).await?;
            free.borrow_mut().push(connection);
            io::Result::Ok(time)
        });
    }
    let mut result = Answers::default();
    while let Some(answer) = pending.join_next().await {
        result.add(answer?);
    }
    Ok(result.line(f64::from(secs)))
}

/// Sends the next request on each of `conns` connections as soon as the last was answered, for `secs` seconds.
pub(crate) async fn closed(target: &Target, conns: usize, secs: u32) -> io::Result<String> {
    let requests = target.requests()?;
    let until = Instant::now() + Duration::from_secs(secs.into());
    let mut clients = JoinSet::new();
    for _ in 0..conns {
        let requests = requests.clone();
        clients.spawn(async move {
            let mut result = Answers::default();
            let mut connection = Connection::open(&requests).await;
            while Instant::now() < until {
                match &mut connection {
                    Ok(open) => result.add(open.timed(&requests).await),
                    Err(_) => break,
                }
            }
            result.errors += usize::from(connection.is_err());
            result
        });
    }
    let mut all = Answers::default();
    while let Some(result) = clients.join_next().await {
        let result = result?;
        all.times.extend(result.times);
        all.errors += result.errors;
        all.last_error = if all.last_error.is_empty() { result.last_error } else { all.last_error };
    }
    Ok(all.line(f64::from(secs)))
}

#[derive(Default)]
struct Answers {
    times: Times,
    errors: usize,
    last_error: String,
}

impl Answers {
    fn add(&mut self, answer: io::Result<Duration>) {
        match answer {
            Ok(time) => self.times.push(time),
            Err(error) => {
                self.errors += 1;
                self.last_error = error.to_string();
            }
        }
    }

    fn line(mut self, seconds: f64) -> String {
        let answered = self.times.count();
        JsonLine::default()
            .count("requests", answered)
            .number("rps", f64::from(u32::try_from(answered).unwrap_or(u32::MAX)) / seconds)
            .percentiles("latency", &mut self.times)
            .count("errors", self.errors)
            .text("error", &self.last_error)
            .end()
    }
}
