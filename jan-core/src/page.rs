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

    /// What a store answers when `after` is nothing of the owner's.
    pub fn unknown_cursor(&self) -> Error {
        let message =
            format!("`after` names nothing in this list: `{}`.", self.after.as_deref().unwrap_or(""));
        Error::invalid("after", message).with_code("unknown_cursor")
    }

    /// For stores: the place before the first item of a list that runs by time and id.
    pub fn first_place(&self) -> (i64, String) {
        match self.order {
            Order::Asc => (i64::MIN, String::new()),
            Order::Desc => (i64::MAX, char::MAX.to_string()),
        }
    }

    /// For stores: how many to read, one more than wanted, to learn whether more follow.
    pub fn limit_and_one(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// For stores: the page out of what was read with [`PageRequest::limit_and_one`].
    pub fn of<T>(&self, mut items: Vec<T>) -> Page<T> {
        let limit = self.limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        Page { items, has_more }
    }

    /// For stores in memory: the page after the place `after` out of items that stand in ascending order of `place`.
    pub fn cut<'a, T, P>(
        &self,
        items: impl DoubleEndedIterator<Item = &'a T>,
        after: Option<P>,
        place: impl Fn(&T) -> P,
    ) -> Page<T>
    where
        T: Clone + 'a,
        P: Ord,
    {
        let wanted = self.limit as usize + 1;
        self.of(match self.order {
            Order::Asc => {
                let follows = |item: &&T| after.as_ref().is_none_or(|after| place(item) > *after);
                items.filter(follows).take(wanted).cloned().collect()
            }
            Order::Desc => {
                let follows = |item: &&T| after.as_ref().is_none_or(|after| place(item) < *after);
                items.rev().filter(follows).take(wanted).cloned().collect()
            }
        })
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

impl<T> Page<T> {
    /// The page with each item made into something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), has_more: self.has_more }
    }
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
            assert_eq!(error.param(), Some(param));
        }
        assert_eq!(PageRequest::from_query(None, None, None).unwrap(), PageRequest::default());
    }
}
