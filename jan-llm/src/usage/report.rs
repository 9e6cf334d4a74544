//! Usage reports: totals of a range of days or of each day, for all usage or one project.

use std::collections::BTreeMap;

use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{Error, Result, UserId};
use jiff::civil::Date;
use serde::Serialize;

use super::{Counts, Day, Meter, UsageRow};

pub(super) const SECONDS_OF_A_DAY: u64 = 86_400;
/// The default number of days in a report.
const DEFAULT_DAYS: i64 = 30;
/// The most days in a report.
const MAX_DAYS: i64 = 366;

/// A range of days, both ends included, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: Day,
    to: Day,
}

impl Days {
    /// The range from `from` to `to`, each like `2026-11-23`. Defaults: `to` is today, `from` is 29 days before `to`.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the invalid date, or when the range has more than 366 days or none.
    pub fn between(from: Option<&str>, to: Option<&str>, meter: &Meter) -> Result<Self> {
        let to = to.map(|to| day("to", to)).transpose()?.unwrap_or_else(|| meter.today());
        let from = from.map(|from| day("from", from)).transpose()?.unwrap_or(to - DEFAULT_DAYS + 1);
        if from > to || to - from >= MAX_DAYS {
            return Err(Error::invalid(
                "from",
                format!("`from` must be at most {MAX_DAYS} days before `to`."),
            ));
        }
        Ok(Self { from, to })
    }

    /// The last `count` days including today; default: 30.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when `count` is not a number from 1 to 366.
    pub fn last(count: Option<&str>, meter: &Meter) -> Result<Self> {
        let count =
            count.map_or(Ok(DEFAULT_DAYS), str::parse).ok().filter(|count| (1..=MAX_DAYS).contains(count));
        let wrong = || Error::invalid("days", format!("`days` must be a whole number from 1 to {MAX_DAYS}."));
        let to = meter.today();
        Ok(Self { from: to - count.ok_or_else(wrong)? + 1, to })
    }

    fn contains(self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// The start of the first day.
    fn begin(self) -> jan_core::record::Millis {
        self.from.saturating_mul(i64::try_from(SECONDS_OF_A_DAY).unwrap_or(i64::MAX)).saturating_mul(1000)
    }
}

/// The usage in a range of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UsageReport))]
pub struct Report {
    #[cfg_attr(feature = "openapi", schema(example = "usage"))]
    object: &'static str,
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-25"))]
    from: String,
    #[cfg_attr(feature = "openapi", schema(example = "2026-11-23"))]
    to: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    counts: Counts,
    models: Vec<ModelReport>,
}

/// The usage of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ModelUsage))]
pub struct ModelReport {
    model: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    counts: Counts,
}

/// The usage on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DayUsage))]
pub struct DayReport {
    #[cfg_attr(feature = "openapi", schema(example = "2026-11-23"))]
    date: String,
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    counts: Counts,
    models: Vec<ModelReport>,
}

impl Meter {
    /// The owner's usage, or the usage in one project. Includes everything that was counted before the call.
    ///
    /// # Errors
    /// The store's.
    pub async fn report(&self, owner: &UserId, project: Option<&str>, days: Days) -> Result<Report> {
        let mut sum = Sum::default();
        for used in self.rows(owner, project, days).await? {
            sum.add(used);
        }
        let (counts, models) = sum.totals();
        Ok(Report { object: "usage", from: day_name(days.from), to: day_name(days.to), counts, models })
    }

    /// The owner's usage on each day. Days without usage are left out.
    ///
    /// # Errors
    /// The store's.
    pub async fn daily(&self, owner: &UserId, days: Days) -> Result<Vec<DayReport>> {
        let mut sums: BTreeMap<Day, Sum> = BTreeMap::new();
        for used in self.rows(owner, None, days).await? {
            sums.entry(used.day).or_default().add(used);
        }
        let report = |(day, sum): (Day, Sum)| {
            let (counts, models) = sum.totals();
            DayReport { date: day_name(day), counts, models }
        };
        Ok(sums.into_iter().map(report).collect())
    }

    /// The stored rows of these days. A row is created on its day or later, so rows created before the range are not
    /// read.
    async fn rows(&self, owner: &UserId, project: Option<&str>, days: Days) -> Result<Vec<UsageRow>> {
        self.flush().await?;
        let mut used = Vec::new();
        let mut page = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Desc };
        loop {
            let next = self.records().list(owner, project, &page).await?;
            page.after = next.items.last().map(|row| row.id.clone());
            let older = next.items.last().is_none_or(|row| row.created_at < days.begin());
            used.extend(next.items.into_iter().map(|row| row.body).filter(|row| days.contains(row.day)));
            if older || !next.has_more {
                return Ok(used);
            }
        }
    }
}

/// Adds up counts by model.
#[derive(Default)]
struct Sum(BTreeMap<String, Counts>);

impl Sum {
    fn add(&mut self, used: UsageRow) {
        self.0.entry(used.model).or_default().add(&used.counts);
    }

    fn totals(self) -> (Counts, Vec<ModelReport>) {
        let mut all = Counts::default();
        self.0.values().for_each(|counts| all.add(counts));
        (all, self.0.into_iter().map(|(model, counts)| ModelReport { model, counts }).collect())
    }
}

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

fn day(param: &'static str, text: &str) -> Result<Day> {
    let wrong = |_| Error::invalid(param, format!("`{param}` must be a date like 2026-11-23, not `{text}`."));
    let date: Date = text.parse().map_err(wrong)?;
    Ok(date.duration_since(epoch()).as_hours() / 24)
}

/// A day as `2026-11-23`.
pub(super) fn day_name(day: Day) -> String {
    let date = epoch().checked_add(jiff::SignedDuration::from_hours(day.saturating_mul(24)));
    date.unwrap_or(Date::MAX).to_string()
}
