//! Rate limits of the API reference: a number of requests per minute or hour, counted in fixed windows, by address or
//! by caller. The counters are in this process only. All counts of a window are dropped when the next window begins, so
//! that counters of former callers do not accumulate.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jan_core::{Error, ErrorKind, Result, UserId};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SHARDS: usize = 16;

const X_MINUTE: [HeaderName; 2] = [
    HeaderName::from_static("x-ratelimit-limit-minute"),
    HeaderName::from_static("x-ratelimit-remaining-minute"),
];
const X_HOUR: [HeaderName; 2] = [
    HeaderName::from_static("x-ratelimit-limit-hour"),
    HeaderName::from_static("x-ratelimit-remaining-hour"),
];
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The limit that a route counts against, besides the limit for all routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitGroup {
    /// Only the limit for all routes.
    GlobalOnly,
    /// `/v1`, the LLM API: by address.
    V1,
    /// The same routes under `/llm`: by caller.
    Llm,
    /// Reading of public shares: by address.
    Shares,
    /// The Media API: by address.
    Media,
    /// Media under `/api/media`: by address.
    PublicMedia,
}

/// How many requests are accepted. The defaults are those of the API reference.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RateSettings {
    /// All routes, per minute and address. Default: 600.
    pub global_minute: u32,
    /// All routes, per hour and address. Default: 10 000.
    pub global_hour: u32,
    /// `/v1`, per minute and address. Default: 120.
    pub v1_minute: u32,
    /// `/llm`, per minute and caller. Default: 120.
    pub llm_minute: u32,
    /// Public shares, per minute and address. Default: 100.
    pub shares_minute: u32,
    /// Public shares, per hour and address. Default: 1000.
    pub shares_hour: u32,
    /// The Media API, per minute and address. Default: 60.
    pub media_minute: u32,
    /// Media under `/api/media`, per minute and address. Default: 300.
    pub public_media_minute: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            global_minute: 600,
            global_hour: 10_000,
            v1_minute: 120,
            llm_minute: 120,
            shares_minute: 100,
            shares_hour: 1000,
            media_minute: 60,
            public_media_minute: 300,
        }
    }
}

/// The counters of one server.
pub(crate) struct RateLimits {
    global_minute: Window,
    global_hour: Window,
    v1: Window,
    llm: Window,
    shares_minute: Window,
    shares_hour: Window,
    media: Window,
    public_media: Window,
}

/// What identifies the requests that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum CountedBy {
    Address(Option<IpAddr>),
    Caller(UserId),
}

impl RateLimits {
    pub(crate) fn new(settings: &RateSettings) -> Self {
        Self {
            global_minute: Window::new(settings.global_minute, MINUTE),
            global_hour: Window::new(settings.global_hour, HOUR),
            v1: Window::new(settings.v1_minute, MINUTE),
            llm: Window::new(settings.llm_minute, MINUTE),
            shares_minute: Window::new(settings.shares_minute, MINUTE),
            shares_hour: Window::new(settings.shares_hour, HOUR),
            media: Window::new(settings.media_minute, MINUTE),
            public_media: Window::new(settings.public_media_minute, MINUTE),
        }
    }

    /// Counts a request by its address. Called before any expensive work. `count` is set to the count of the last
    /// window that was checked: if one is exceeded, of that one.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with the time until the window ends.
    pub(crate) fn by_address(
        &self,
        group: LimitGroup,
        peer: Option<IpAddr>,
        now: Duration,
        count: &mut Option<Count>,
    ) -> Result<()> {
        let group_windows: &[&Window] = match group {
            LimitGroup::V1 => &[&self.v1],
            LimitGroup::Shares => &[&self.shares_hour, &self.shares_minute],
            LimitGroup::Media => &[&self.media],
            LimitGroup::PublicMedia => &[&self.public_media],
            LimitGroup::GlobalOnly | LimitGroup::Llm => &[],
        };
        let key = CountedBy::Address(peer.map(network));
        let global_windows = [&self.global_hour, &self.global_minute];
        global_windows.iter().chain(group_windows).try_for_each(|window| window.count(&key, now, count))
    }

    /// Counts a request by its caller, on routes that are limited by caller.
    ///
    /// # Errors
    /// As [`RateLimits::by_address`].
    pub(crate) fn by_caller(
        &self,
        group: LimitGroup,
        user: &UserId,
        now: Duration,
        count: &mut Option<Count>,
    ) -> Result<()> {
        match group {
            LimitGroup::Llm => self.llm.count(&CountedBy::Caller(user.clone()), now, count),
            LimitGroup::V1
            | LimitGroup::Shares
            | LimitGroup::Media
            | LimitGroup::PublicMedia
            | LimitGroup::GlobalOnly => Ok(()),
        }
    }
}

/// The address that is counted. Providers assign a whole /64 network to one IPv6 user, so the addresses of a /64 are
/// counted together.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        v4 => v4,
    }
}

/// How much of a limit a caller has used, for the headers of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    limit: u32,
    remaining: u32,
    /// The time until the window ends.
    reset: Duration,
    /// Whether the window is an hour; otherwise it is a minute.
    hourly: bool,
}

impl Count {
    /// Adds the rate limit headers to a reply.
    pub(crate) fn add_headers(self, headers: &mut HeaderMap) {
        let (limit, remaining) = (HeaderValue::from(self.limit), HeaderValue::from(self.remaining));
        let [x_limit, x_remaining] = if self.hourly { X_HOUR } else { X_MINUTE };
        headers.insert(x_limit, limit.clone());
        headers.insert(x_remaining, remaining.clone());
        headers.insert(LIMIT, limit);
        headers.insert(REMAINING, remaining);
        headers.insert(RESET, HeaderValue::from(self.reset.as_secs().max(1)));
    }
}

/// The counters of one limit.
struct Window {
    limit: u32,
    length: Duration,
    hasher: RandomState,
    shards: [RwLock<Shard>; SHARDS],
}

/// A part of the counters of one window. Requests are spread over shards by their key. A key that was counted before in
/// this window needs only the read lock and an atomic addition, so that requests rarely wait for each other.
#[derive(Default)]
struct Shard {
    /// The number of the window since the Unix epoch. When a later window begins, all counts are dropped together.
    number: u64,
    used: HashMap<CountedBy, AtomicU32>,
}

impl Window {
    fn new(limit: u32, length: Duration) -> Self {
        Self { limit, length, hasher: RandomState::new(), shards: Default::default() }
    }

    fn count(&self, key: &CountedBy, now: Duration, count: &mut Option<Count>) -> Result<()> {
        let (number, length) = (now.as_secs() / self.length.as_secs(), self.length.as_secs());
        let reset = Duration::from_secs((number + 1) * length).saturating_sub(now);
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(index) else { return Err(Error::internal("no such shard")) };
        // The read lock is released at the end of this statement, before the write lock is taken; otherwise the thread
        // would wait for itself. Between the two locks another thread may count the same key or begin the next window;
        // `count_new` handles both.
        let used = shard.read().count_known(key, number);
        let used = used.unwrap_or_else(|| shard.write().count_new(key, number));
        let hourly = self.length == HOUR;
        *count = Some(Count { limit: self.limit, remaining: self.limit.saturating_sub(used), reset, hourly });
        if used > self.limit {
            let unit = if hourly { "hour" } else { "minute" };
            let message = format!("Over the limit of {} requests a {unit}.", self.limit);
            return Err(Error::new(ErrorKind::RateLimited, message).with_retry_after(reset));
        }
        Ok(())
    }
}

impl Shard {
    /// Counts a request of a key that was counted in this window before. Returns its count; `None` if the key or the
    /// window is new.
    fn count_known(&self, key: &CountedBy, number: u64) -> Option<u32> {
        let used = self.used.get(key).filter(|_| self.number == number)?;
        Some(used.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    /// Counts a request of any key, also of one that another thread has just added. Begins the window `number` if it is
    /// not the current one. Returns the key's count.
    fn count_new(&mut self, key: &CountedBy, number: u64) -> u32 {
        if self.number != number {
            *self = Self { number, used: HashMap::new() };
        }
        let used = self.used.entry(key.clone()).or_default();
        used.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> RateLimits {
        RateLimits::new(&RateSettings {
            global_minute: 5,
            global_hour: 7,
            v1_minute: 2,
            llm_minute: 1,
            shares_minute: 2,
            shares_hour: 3,
            media_minute: 2,
            public_media_minute: 2,
        })
    }

    const A: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const B: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn requests_over_the_limit_are_refused_until_the_window_ends() {
        let (limits, now) = (limits(), Duration::from_secs(600 * 60 + 15));
        let last = std::cell::Cell::new(None);
        let v1 = |peer, now| {
            let mut count = None;
            let counted = limits.by_address(LimitGroup::V1, peer, now, &mut count);
            last.set(count);
            counted
        };
        v1(A, now).unwrap();
        assert_eq!(last.get().unwrap().remaining, 1);
        v1(A, now).unwrap();
        let error = v1(A, now).unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(45)));
        let mut headers = HeaderMap::new();
        last.get().unwrap().add_headers(&mut headers);
        assert_eq!(
            (&headers["x-ratelimit-limit-minute"], &headers["ratelimit-remaining"]),
            (&"2".parse().unwrap(), &"0".parse().unwrap())
        );
        assert!(v1(B, now).is_ok());
        assert!(v1(A, now + Duration::from_secs(45)).is_ok());
    }

    #[test]
    fn the_hourly_limit_counts_requests_that_the_minute_limit_accepted() {
        let limits = limits();
        let mut accepted = 0;
        for minute in 0..20 {
            let now = Duration::from_secs(3600 * 9 + minute * 60);
            accepted += (0..5)
                .filter(|_| limits.by_address(LimitGroup::GlobalOnly, A, now, &mut None).is_ok())
                .count();
        }
        assert_eq!(accepted, 7);
        let (mut count, mut headers) = (None, HeaderMap::new());
        assert!(
            limits.by_address(LimitGroup::V1, A, Duration::from_secs(3600 * 10 - 1), &mut count).is_err()
        );
        count.unwrap().add_headers(&mut headers);
        assert_eq!(headers["x-ratelimit-limit-hour"], "7");
    }

    #[test]
    fn public_shares_have_their_own_minute_and_hour_limits() {
        let limits = limits();
        let read = |minute: u64| {
            limits.by_address(LimitGroup::Shares, A, Duration::from_secs(60 * minute), &mut None)
        };
        assert!(read(60).is_ok() && read(60).is_ok());
        assert_eq!(read(60).unwrap_err().retry_after(), Some(MINUTE));
        assert!(limits.by_address(LimitGroup::V1, A, Duration::from_secs(60 * 60), &mut None).is_ok());
    }

    #[test]
    fn callers_and_addresses_are_counted_separately() {
        let (limits, now) = (limits(), Duration::from_secs(60));
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("a"), now, &mut None).is_ok());
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("a"), now, &mut None).is_err());
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("b"), now, &mut None).is_ok());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_counted_together() {
        let near = ["2001:db8::1", "2001:db8::ffff"].map(|text| network(text.parse().unwrap()));
        assert_eq!(near[0], near[1]);
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), A.unwrap());
    }
}
