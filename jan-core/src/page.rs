//! Lists are read by keyset, never by offset: a page costs the same wherever it stands in the list, and an item is
//! neither skipped nor repeated while others are added and removed.

use crate::{Error, Result};

/// The page size when the caller names none.
pub const DEFAULT_LIMIT: u32 = 20;
/// The largest page a caller may ask for.
pub const MAX_LIMIT: u32 = 100;

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at the most, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// The id of the last item already seen.
    pub after: Option<String>,
    /// Which way the list runs.
    pub order: Order,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, after: None, order: Order::default() }
    }
}

impl PageRequest {
    /// Reads the query parameters `limit`, `after` and `order`, naming the one that is wrong.
    pub fn from_query(limit: Option<&str>, after: Option<&str>, order: Option<&str>) -> Result<Self> {
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=MAX_LIMIT) => limit,
                _ => return Err(Error::invalid("limit", "`limit` must be a whole number from 1 to 100.")),
            },
        };
        let order = match order {
            None | Some("desc") => Order::Desc,
            Some("asc") => Order::Asc,
            Some(_) => return Err(Error::invalid("order", "`order` must be `asc` or `desc`.")),
        };
        Ok(Self { limit, after: after.map(str::to_owned), order })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Whether more follow.
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_parameters_are_named() {
        for (limit, order, param) in
            [(Some("0"), None, "limit"), (Some("101"), None, "limit"), (None, Some("up"), "order")]
        {
            let error = PageRequest::from_query(limit, None, order).unwrap_err();
            assert_eq!(error.get_param(), Some(param));
        }
        assert_eq!(PageRequest::from_query(None, None, None).unwrap(), PageRequest::default());
    }
}
