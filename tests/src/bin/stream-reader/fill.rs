//! Creates the conversations for measurements.

use std::io;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::Target;
use crate::client::{Connection, Requests};
use crate::numbers::JsonLine;

/// Creates `count` conversations over `conns` connections, and writes their ids to the file `ids`.
pub(crate) async fn fill(target: &Target, count: usize, conns: usize, ids: &Path) -> io::Result<String> {
    let body = r#"{"title":"Rivers","metadata":{"made":"by a bench"}}"#;
    let requests = Requests::post(target, vec![body.to_owned()])?;
    let (began, mut makers) = (Instant::now(), JoinSet::new());
    for index in 0..conns {
        let (requests, share) = (requests.clone(), (count + index) / conns.max(1));
        makers.spawn(async move {
            let (mut connection, mut made) = (Connection::open(&requests).await?, String::new());
            for _ in 0..share {
                let answer: Value = serde_json::from_slice(&connection.answer(&requests).await?)?;
                let id = answer.get("id").and_then(Value::as_str);
                made.push_str(id.ok_or_else(|| io::Error::other(format!("no id in {answer}")))?);
                made.push('\n');
            }
            io::Result::Ok(made)
        });
    }
    let mut all = String::new();
    while let Some(made) = makers.join_next().await {
        all.push_str(&made??);
    }
    std::fs::write(ids, &all)?;
    let seconds = began.elapsed().as_secs_f64();
    let made = all.lines().count();
    let line = JsonLine::default().count("conversations", made);
    Ok(line.number("per_s", f64::from(u32::try_from(made).unwrap_or(u32::MAX)) / seconds).end())
}
