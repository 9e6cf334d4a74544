//! The result of a benchmark: medians over the rounds, compared with nginx and with the aims.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The rows of the table: the metric's name in the results, its name in the table, and its aim.
const ROWS: &[(&str, &str, Aim)] = &[
    ("rps", "throughput, 64 connections (requests/s)", Aim::AtLeastOfNginx(0.6)),
    ("cpu_us_per_request", "CPU a request (µs)", Aim::AtMostOfNginx(2.0)),
    ("latency_p50_ms", "added latency p50 (ms)", Aim::AddedAtMost(0.35)),
    ("latency_p99_ms", "added latency p99 (ms)", Aim::AddedAtMost(1.0)),
    ("ttft_p50_ms", "added time to first token p50, paced streams (ms)", Aim::AddedAtMost(0.5)),
    ("ttft_p99_ms", "added time to first token p99, paced streams (ms)", Aim::Added),
    ("gap_p99_ms", "time between chunks p99, paced streams (ms)", Aim::None),
    ("cpu_us_per_chunk", "CPU a chunk, paced streams (µs)", Aim::AtMostOfNginx(2.0)),
    ("flood_chunks_per_s", "chunks/s, flooding streams", Aim::None),
    ("flood_cpu_us_per_chunk", "CPU a chunk, flooding streams (µs)", Aim::None),
    ("idle_mib", "memory when idle (MiB)", Aim::AtMost(40.0)),
    ("stream_kib", "memory an open stream (KiB)", Aim::AtMost(32.0)),
    ("start_ms", "start to first answer (ms)", Aim::AtMost(100.0)),
    ("errors", "errors", Aim::AtMost(0.0)),
];

/// The aim of a row.
enum Aim {
    None,
    /// No aim; shown as the difference to direct requests to the upstream.
    Added,
    AddedAtMost(f64),
    AtMost(f64),
    AtLeastOfNginx(f64),
    AtMostOfNginx(f64),
}

type Medians<'a> = BTreeMap<(&'a str, &'a str), f64>;

/// Makes the table from lines `target metric value`.
pub(crate) fn table(lines: &str) -> String {
    let medians = medians(lines);
    let mut out =
        String::from("| | direct | nginx | jan | jan ÷ nginx | aim | |\n|---|---|---|---|---|---|---|");
    for (metric, name, aim) in ROWS {
        let added = matches!(aim, Aim::Added | Aim::AddedAtMost(_));
        let raw = |target| medians.get(&(target, *metric)).copied();
        let shown = |target| match added {
            true => raw(target).zip(raw("direct")).map(|(value, direct)| value - direct),
            false => raw(target),
        };
        // For an added time, the column "direct" shows the time to which it is added.
        let (direct, nginx, jan) = (raw("direct"), shown("nginx"), shown("jan"));
        let ratio = jan.zip(nginx).filter(|(_, nginx)| *nginx > 0.0).map(|(jan, nginx)| jan / nginx);
        let (aim, met) = match aim {
            Aim::None | Aim::Added => (String::new(), None),
            Aim::AddedAtMost(most) | Aim::AtMost(most) => (format!("≤ {most}"), jan.map(|jan| jan <= *most)),
            Aim::AtLeastOfNginx(least) => (format!("≥ {least} × nginx"), ratio.map(|ratio| ratio >= *least)),
            Aim::AtMostOfNginx(most) => (format!("≤ {most} × nginx"), ratio.map(|ratio| ratio <= *most)),
        };
        let met = met.map_or("", |met| if met { "met" } else { "**missed**" });
        let [direct, nginx, jan, ratio] = [direct, nginx, jan, ratio].map(cell);
        // Writing to a string cannot fail.
        let _ = write!(out, "\n| {name} | {direct} | {nginx} | {jan} | {ratio} | {aim} | {met} |");
    }
    out
}

fn medians(lines: &str) -> Medians<'_> {
    let mut values: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.split_whitespace();
        if let (Some(target), Some(metric), Some(Ok(value))) =
            (words.next(), words.next(), words.next().map(str::parse))
        {
            values.entry((target, metric)).or_default().push(value);
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        values.get(middle).copied().unwrap_or_default()
    };
    let sum = |values: Vec<f64>| values.iter().sum();
    // Errors are summed, so that one error in any round is visible.
    values.into_iter().map(|(key, v)| (key, if key.1 == "errors" { sum(v) } else { median(v) })).collect()
}

fn cell(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compares_medians_with_the_aims() {
        let lines = "direct latency_p50_ms 0.1\nnginx latency_p50_ms 0.2\njan latency_p50_ms 0.3\n\
            nginx rps 100\nnginx rps 300\nnginx rps 200\njan rps 110\njan errors 1\njan errors 0\n";
        let table = table(lines);
        let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
        assert!(row("latency p50").ends_with("| 0.10 | 0.10 | 0.20 | 2.00 | ≤ 0.35 | met |"), "{table}");
        assert!(
            row("throughput").ends_with("| – | 200 | 110 | 0.55 | ≥ 0.6 × nginx | **missed** |"),
            "{table}"
        );
        assert!(row("errors").ends_with("| – | – | 1.00 | – | ≤ 0 | **missed** |"), "{table}");
    }
}
