//! Parsing of values: addresses, durations, sizes. The error for an invalid value states the accepted forms.

use std::net::{SocketAddr, ToSocketAddrs};

use bytesize::ByteSize;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// An address to listen on: `127.0.0.1:8000`, `localhost:8000`, `:8000` for every address of this machine.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    resolve(text.trim()).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not an address of this machine: it takes one like 127.0.0.1:8000, localhost:8000, or :8000 for \
             every address"
        ))
    })
}

fn resolve(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    match host {
        "" | "*" => Some(SocketAddr::from(([0, 0, 0, 0], port))),
        // Not resolved by the system: some systems return ::1 first, where many clients do not connect.
        _ if host.eq_ignore_ascii_case("localhost") => Some(SocketAddr::from(([127, 0, 0, 1], port))),
        _ => (host, port).to_socket_addrs().ok()?.next(),
    }
}

/// A size with a unit, or a number of bytes.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| {
        D::Error::custom(format!("`{text}` is no size: it takes one like 16MiB, 500kB or 1048576 (bytes)"))
    })
}

/// Durations with units: `90s`, `10m`, `1h 30m`.
pub(super) mod span {
    use std::time::Duration;

    use serde::de::{Error as _, IntoDeserializer};
    use serde::{Deserialize, Deserializer};

    use jiff::fmt::serde::unsigned_duration::friendly::compact::required;

    pub(in crate::config) use required::serialize;

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no duration: it takes one like 90s, 10m or 1h 30m"))
        })
    }

    pub(super) fn parse(text: &str) -> Option<Duration> {
        let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        required::deserialize(text).ok()
    }
}

/// Longer durations, also in days of 24 hours: `30d`, or any form of `span`.
pub(super) mod age {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::span;

    const DAY: u64 = 24 * 60 * 60;

    pub(in crate::config) fn serialize<S: Serializer>(
        age: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match age.as_secs() / DAY {
            days if *age == Duration::from_secs(days * DAY) => {
                serializer.collect_str(&format_args!("{days}d"))
            }
            _ => span::serialize(age, serializer),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        let days = text.trim().strip_suffix('d').map(|days| days.trim_end().parse::<u64>());
        let age = match days {
            Some(Ok(days)) => days.checked_mul(DAY).map(Duration::from_secs),
            _ => span::parse(&text),
        };
        age.ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no duration: it takes one like 30d, 12h or 90s"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_the_usual_forms() {
        let address = |text: &str| resolve(text).map(|address| address.to_string());
        for (text, wanted) in [
            ("127.0.0.1:8000", Some("127.0.0.1:8000")),
            ("[::1]:80", Some("[::1]:80")),
            ("localhost:8000", Some("127.0.0.1:8000")),
            ("LOCALHOST:0", Some("127.0.0.1:0")),
            (":8000", Some("0.0.0.0:8000")),
            ("*:8000", Some("0.0.0.0:8000")),
            ("8000", None),
            ("localhost", None),
            ("localhost:", None),
            (":70000", None),
            ("http://localhost:8000", None),
            ("", None),
        ] {
            assert_eq!(address(text).as_deref(), wanted, "{text}");
        }
    }
}
