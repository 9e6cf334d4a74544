//! Pages of lists. Lists are read by keyset (the items after a given item) and never by offset: every page costs the
//! same, and no item is skipped or repeated while others are added and removed.

use crate::{Error, Result};

/// The page size when the caller names none.
pub const DEFAULT_LIMIT: u32 = 20;
/// The largest page a caller may ask for.
pub const MAX_LIMIT: u32 = 100;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// The part of a list that a caller requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The largest number of items to return, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// The cursor: the id of the last item of the page before. `None` for the first page.
    pub after: Option<String>,
    /// The order of the list.
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

    /// The error of a store when `after` names no item of the owner's list.
    pub fn unknown_cursor(&self) -> Error {
        let message =
            format!("`after` names nothing in this list: `{}`.", self.after.as_deref().unwrap_or(""));
        Error::invalid("after", message).with_code("unknown_cursor")
    }

    /// For stores: a position (time and id) before the first item of a list that is ordered by time and id.
    pub fn first_place(&self) -> (i64, String) {
        match self.order {
            Order::Asc => (i64::MIN, String::new()),
            Order::Desc => (i64::MAX, char::MAX.to_string()),
        }
    }

    /// For stores: how many items to read. It is one more than requested, which shows whether more follow.
    pub fn limit_and_one(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// For stores: the page made of the items that were read with [`PageRequest::limit_and_one`].
    pub fn of<T>(&self, mut items: Vec<T>) -> Page<T> {
        let limit = self.limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        Page { items, has_more }
    }

    /// For stores in memory: the page of the items after the position `after`. `items` must be in ascending order of
    /// `place`, which returns an item's position.
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
    /// The items, in the requested order.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// The page with each item converted by `change`.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), has_more: self.has_more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_wrong_query_parameter() {
        for (limit, order, param) in
            [(Some("0"), None, "limit"), (Some("101"), None, "limit"), (None, Some("up"), "order")]
        {
            let error = PageRequest::from_query(limit, None, order).unwrap_err();
            assert_eq!(error.param(), Some(param));
        }
        assert_eq!(PageRequest::from_query(None, None, None).unwrap(), PageRequest::default());
    }
}
