//! Whole answers: at a set pace (what does the server add to each?), or as fast as they come.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};
use tokio::time::MissedTickBehavior;

use crate::Target;
use crate::client::{Ask, Connection};
use crate::numbers::{Line, Times};

/// Sends `rate` requests a second for `secs` seconds. No request waits for another's answer: one that finds no free
/// connection opens one, so a slow server is shown as slow.
pub(crate) async fn rate(target: &Target, rate: u32, secs: u32) -> io::Result<String> {
    let ask = target.ask()?;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Connection::open(&ask).await?);
    }
    LocalSet::new().run_until(paced(ask, Rc::new(RefCell::new(open)), rate.max(1), secs)).await
}

async fn paced(ask: Ask, free: Rc<RefCell<Vec<Connection>>>, rate: u32, secs: u32) -> io::Result<String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    for _ in 0..rate * secs {
        ticks.tick().await;
        let (ask, free) = (ask.clone(), free.clone());
        asked.spawn_local(async move {
            let idle = free.borrow_mut().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => Connection::open(&ask).await?,
            };
            let time = connection.whole(&ask).await?;
            free.borrow_mut().push(connection);
            io::Result::Ok(time)
        });
    }
    let mut result = Answers::default();
    while let Some(answer) = asked.join_next().await {
        result.add(answer?);
    }
    Ok(result.line(f64::from(secs)))
}

/// Asks again on each of `conns` connections as soon as the answer is there, for `secs` seconds.
pub(crate) async fn closed(target: &Target, conns: usize, secs: u32) -> io::Result<String> {
    let ask = target.ask()?;
    let until = Instant::now() + Duration::from_secs(secs.into());
    let mut askers = JoinSet::new();
    for _ in 0..conns {
        let ask = ask.clone();
        askers.spawn(async move {
            let mut result = Answers::default();
            let mut connection = Connection::open(&ask).await;
            while Instant::now() < until {
                match &mut connection {
                    Ok(open) => result.add(open.whole(&ask).await),
                    Err(_) => break,
                }
            }
            result.errors += usize::from(connection.is_err());
            result
        });
    }
    let mut all = Answers::default();
    while let Some(result) = askers.join_next().await {
        let result = result?;
        all.times.extend(result.times);
        all.errors += result.errors;
        all.said = if all.said.is_empty() { result.said } else { all.said };
    }
    Ok(all.line(f64::from(secs)))
}

#[derive(Default)]
struct Answers {
    times: Times,
    errors: usize,
    said: String,
}

impl Answers {
    fn add(&mut self, answer: io::Result<Duration>) {
        match answer {
            Ok(time) => self.times.push(time),
            Err(error) => {
                self.errors += 1;
                self.said = error.to_string();
            }
        }
    }

    fn line(mut self, seconds: f64) -> String {
        let answered = self.times.count();
        Line::default()
            .count("requests", answered)
            .number("rps", f64::from(u32::try_from(answered).unwrap_or(u32::MAX)) / seconds)
            .percentiles("latency", &mut self.times)
            .count("errors", self.errors)
            .text("error", &self.said)
            .end()
    }
}
