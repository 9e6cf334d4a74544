//! Rate limits as the API reference states them: so many requests a minute or an hour, counted in fixed windows by
//! address or by caller. Counters live in this process and vanish with their window, so they cannot pile up.

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

/// Which limit of the table a route counts against, beside the one for all routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitGroup {
    /// Only the limit for all routes.
    GlobalOnly,
    /// `/v1`, the LLM API, by address.
    V1,
    /// The same routes under `/llm`, by caller.
    Llm,
    /// What the public reads of shares, by address.
    Shares,
    /// The Media API, by address.
    Media,
    /// Media under `/api/media`, by address.
    PublicMedia,
}

/// How many requests are let in. The defaults are the reference's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RateSettings {
    /// All routes, a minute, by address: 600.
    pub global_minute: u32,
    /// All routes, an hour, by address: 10 000.
    pub global_hour: u32,
    /// `/v1`, a minute, by address: 120.
    pub v1_minute: u32,
    /// `/llm`, a minute, by caller: 120.
    pub llm_minute: u32,
    /// Public shares, a minute, by address: 100.
    pub shares_minute: u32,
    /// Public shares, an hour, by address: 1000.
    pub shares_hour: u32,
    /// The Media API, a minute, by address: 60.
    pub media_minute: u32,
    /// Media under `/api/media`, a minute, by address: 300.
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

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
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

    /// Counts a request by its address. Asked before anything that costs. `told` is where the address stands then.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with the time until the window ends.
    pub(crate) fn by_address(
        &self,
        group: LimitGroup,
        peer: Option<IpAddr>,
        now: Duration,
        told: &mut Option<Count>,
    ) -> Result<()> {
        let own: &[&Window] = match group {
            LimitGroup::V1 => &[&self.v1],
            LimitGroup::Shares => &[&self.shares_hour, &self.shares_minute],
            LimitGroup::Media => &[&self.media],
            LimitGroup::PublicMedia => &[&self.public_media],
            LimitGroup::GlobalOnly | LimitGroup::Llm => &[],
        };
        let key = Key::Address(peer.map(network));
        let all = [&self.global_hour, &self.global_minute];
        all.iter().chain(own).try_for_each(|window| window.count(&key, now, told))
    }

    /// Counts a request by its caller, for the routes that are counted so.
    ///
    /// # Errors
    /// As [`RateLimits::by_address`].
    pub(crate) fn by_caller(
        &self,
        group: LimitGroup,
        user: &UserId,
        now: Duration,
        told: &mut Option<Count>,
    ) -> Result<()> {
        match group {
            LimitGroup::Llm => self.llm.count(&Key::Caller(user.clone()), now, told),
            LimitGroup::V1
            | LimitGroup::Shares
            | LimitGroup::Media
            | LimitGroup::PublicMedia
            | LimitGroup::GlobalOnly => Ok(()),
        }
    }
}

/// One caller's own IPv6 network is a /64: its addresses are counted together.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        v4 => v4,
    }
}

/// Where a caller stands in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    limit: u32,
    remaining: u32,
    reset: Duration,
    hourly: bool,
}

impl Count {
    /// Tells the caller.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        let (limit, remaining) = (HeaderValue::from(self.limit), HeaderValue::from(self.remaining));
        let [x_limit, x_remaining] = if self.hourly { X_HOUR } else { X_MINUTE };
        headers.insert(x_limit, limit.clone());
        headers.insert(x_remaining, remaining.clone());
        headers.insert(LIMIT, limit);
        headers.insert(REMAINING, remaining);
        headers.insert(RESET, HeaderValue::from(self.reset.as_secs().max(1)));
    }
}

struct Window {
    limit: u32,
    length: Duration,
    hasher: RandomState,
    shards: [RwLock<Shard>; SHARDS],
}

/// Counting somebody who was counted before only reads the map, so that requests do not wait for each other.
#[derive(Default)]
struct Shard {
    /// Which window since the epoch the counts are of; counts of an earlier one are thrown away whole.
    number: u64,
    used: HashMap<Key, AtomicU32>,
}

impl Window {
    fn new(limit: u32, length: Duration) -> Self {
        Self { limit, length, hasher: RandomState::new(), shards: Default::default() }
    }

    fn count(&self, key: &Key, now: Duration, told: &mut Option<Count>) -> Result<()> {
        let (number, length) = (now.as_secs() / self.length.as_secs(), self.length.as_secs());
        let reset = Duration::from_secs((number + 1) * length).saturating_sub(now);
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(index) else { return Err(Error::internal("no such shard")) };
        // The read lock has to be let go before the write lock is asked for.
        let seen = shard.read().seen(key, number);
        let used = seen.unwrap_or_else(|| shard.write().add(key, number));
        let hourly = self.length == HOUR;
        *told = Some(Count { limit: self.limit, remaining: self.limit.saturating_sub(used), reset, hourly });
        if used > self.limit {
            let unit = if hourly { "hour" } else { "minute" };
            let message = format!("Over the limit of {} requests a {unit}.", self.limit);
            return Err(Error::new(ErrorKind::RateLimited, message).with_retry_after(reset));
        }
        Ok(())
    }
}

impl Shard {
    /// Counts somebody who was counted in this window before; how often it makes.
    fn seen(&self, key: &Key, number: u64) -> Option<u32> {
        let used = self.used.get(key).filter(|_| self.number == number)?;
        Some(used.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    fn add(&mut self, key: &Key, number: u64) -> u32 {
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
    fn a_window_refuses_what_is_over_it_and_forgets_when_it_ends() {
        let (limits, now) = (limits(), Duration::from_secs(600 * 60 + 15));
        let told = std::cell::Cell::new(None);
        let v1 = |peer, now| {
            let mut count = None;
            let counted = limits.by_address(LimitGroup::V1, peer, now, &mut count);
            told.set(count);
            counted
        };
        v1(A, now).unwrap();
        assert_eq!(told.get().unwrap().remaining, 1);
        v1(A, now).unwrap();
        let error = v1(A, now).unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(45)));
        let mut headers = HeaderMap::new();
        told.get().unwrap().mark(&mut headers);
        assert_eq!(
            (&headers["x-ratelimit-limit-minute"], &headers["ratelimit-remaining"]),
            (&"2".parse().unwrap(), &"0".parse().unwrap())
        );
        assert!(v1(B, now).is_ok());
        assert!(v1(A, now + Duration::from_secs(45)).is_ok());
    }

    #[test]
    fn the_hour_counts_what_minutes_let_through() {
        let limits = limits();
        let mut let_in = 0;
        for minute in 0..20 {
            let now = Duration::from_secs(3600 * 9 + minute * 60);
            let_in += (0..5)
                .filter(|_| limits.by_address(LimitGroup::GlobalOnly, A, now, &mut None).is_ok())
                .count();
        }
        assert_eq!(let_in, 7);
        let (mut told, mut headers) = (None, HeaderMap::new());
        assert!(limits.by_address(LimitGroup::V1, A, Duration::from_secs(3600 * 10 - 1), &mut told).is_err());
        told.unwrap().mark(&mut headers);
        assert_eq!(headers["x-ratelimit-limit-hour"], "7");
    }

    #[test]
    fn public_shares_have_a_minute_and_an_hour_of_their_own() {
        let limits = limits();
        let read = |minute: u64| {
            limits.by_address(LimitGroup::Shares, A, Duration::from_secs(60 * minute), &mut None)
        };
        assert!(read(60).is_ok() && read(60).is_ok());
        assert_eq!(read(60).unwrap_err().retry_after(), Some(MINUTE));
        assert!(limits.by_address(LimitGroup::V1, A, Duration::from_secs(60 * 60), &mut None).is_ok());
    }

    #[test]
    fn callers_are_counted_apart_from_addresses() {
        let (limits, now) = (limits(), Duration::from_secs(60));
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("a"), now, &mut None).is_ok());
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("a"), now, &mut None).is_err());
        assert!(limits.by_caller(LimitGroup::Llm, &UserId::new("b"), now, &mut None).is_ok());
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        let near = ["2001:db8::1", "2001:db8::ffff"].map(|text| network(text.parse().unwrap()));
        assert_eq!(near[0], near[1]);
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), A.unwrap());
    }
}
