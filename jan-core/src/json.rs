//! A JSON object whose members stay the bytes they were read from. Code that forwards an object after reading or
//! changing one member does not parse the other members, and does not lose fields that this version does not know.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Error, Result};

/// A JSON object: its members in their original order, each value as raw JSON. Cloning copies no value.
#[derive(Clone, Default)]
pub struct JsonObject {
    members: Vec<(String, Bytes)>,
    /// The bytes of the whole object, as long as nothing was changed.
    original: Option<Bytes>,
}

impl JsonObject {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an object without parsing its values.
    ///
    /// # Errors
    /// `invalid_json` when the text is not one JSON object; `duplicate_member` when a member occurs twice, because two
    /// readers could otherwise read two different requests from the same bytes.
    pub fn parse(bytes: Bytes) -> Result<Self> {
        let raw: RawMembers<'_> = serde_json::from_slice(&bytes).map_err(not_json)?;
        let mut keys: Vec<_> = raw.0.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if let Some(key) = keys.iter().zip(keys.iter().skip(1)).find_map(|(a, b)| (a == b).then_some(*a)) {
            let message = format!("`{key}` is given more than once.");
            return Err(Error::invalid(key, message).with_code("duplicate_member"));
        }
        let members =
            raw.0.into_iter().map(|(key, value)| (key, bytes.slice_ref(value.get().as_bytes()))).collect();
        Ok(Self { members, original: Some(bytes) })
    }

    /// The raw JSON of a member; `None` when it is absent or `null`.
    pub fn raw(&self, key: &str) -> Option<&Bytes> {
        let (_, value) = self.members.iter().find(|(name, _)| name == key)?;
        (value.as_ref() != b"null").then_some(value)
    }

    /// A member parsed as `T`; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `key` when the value is not a `T`.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        serde_json::from_slice(raw)
            .map(Some)
            .map_err(|e| Error::invalid(key, format!("`{key}` is not valid: {e}.")))
    }

    /// A required member, parsed as `T`.
    ///
    /// # Errors
    /// [`Error::missing`] when it is absent or `null`; [`crate::ErrorKind::Invalid`] naming `key` when the value is
    /// not a `T`.
    pub fn required<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<T> {
        self.get(key)?.ok_or_else(|| Error::missing(key))
    }

    /// A text that a change request sets or removes: `None` (no change) when it is absent or `null`, `Some(None)`
    /// (remove) when it is empty.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `key` when the value is not a text.
    pub fn removable(&self, key: &str) -> Result<Option<Option<String>>> {
        Ok(self.get::<String>(key)?.map(|text| Some(text).filter(|text| !text.is_empty())))
    }

    /// Sets a member. An existing member keeps its position; a new one is added at the end.
    ///
    /// # Errors
    /// When the value cannot be written as JSON (for example a map whose keys are not strings).
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        let raw = serde_json::to_vec(value).map_err(Error::internal)?;
        self.set_raw(key, raw.into());
        Ok(())
    }

    /// Sets a member to JSON that is written already. The caller answers for it being JSON.
    pub fn set_raw(&mut self, key: &str, raw: Bytes) {
        self.original = None;
        match self.members.iter_mut().find(|(name, _)| name == key) {
            Some((_, value)) => *value = raw,
            None => self.members.push((key.to_owned(), raw)),
        }
    }

    /// Sets every member of `other`, `null`s included.
    pub fn merge(&mut self, other: &Self) {
        for (key, raw) in &other.members {
            self.set_raw(key, raw.clone());
        }
    }

    /// Removes a member; returns whether it existed.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|(name, _)| name != key);
        let removed = self.members.len() < before;
        if removed {
            self.original = None;
        }
        removed
    }

    /// The names and raw values of all members, in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The object as JSON: the bytes that it was read from if nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        if let Some(original) = &self.original {
            return original.clone();
        }
        let size: usize = self.members.iter().map(|(key, value)| key.len() + value.len() + 4).sum();
        let mut out = BytesMut::with_capacity(size + 2);
        out.put_u8(b'{');
        for (i, (key, value)) in self.members.iter().enumerate() {
            if i > 0 {
                out.put_u8(b',');
            }
            // Writing a string to memory cannot fail.
            let _ = serde_json::to_writer((&mut out).writer(), key);
            out.put_u8(b':');
            out.put_slice(value);
        }
        out.put_u8(b'}');
        out.freeze()
    }

    /// The whole object parsed as `T`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is not a `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.to_bytes()).map_err(not_json)
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (key, raw) in &self.members {
            let raw: &RawValue = serde_json::from_slice(raw).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(key, raw)?;
        }
        map.end()
    }
}

/// Works only with JSON: other formats have no raw JSON.
impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let raw: Box<str> = Box::<RawValue>::deserialize(deserializer)?.into();
        Self::parse(String::from(raw).into()).map_err(serde::de::Error::custom)
    }
}

/// The schema of any JSON object; the readers of an object check its members.
#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{Object, Schema};

    impl utoipa::PartialSchema for super::JsonObject {
        fn schema() -> RefOr<Schema> {
            Object::new().into()
        }
    }

    impl utoipa::ToSchema for super::JsonObject {}
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl PartialEq for JsonObject {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

fn not_json(error: serde_json::Error) -> Error {
    let message = format!("The body is not a valid JSON object: {error}.");
    Error::new(crate::ErrorKind::Invalid, message).with_code("invalid_json")
}

struct RawMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unchanged_object_is_written_as_its_original_bytes() {
        let text = " {\"b\" : 1.50, \"a\":{ \"x\": [1, 2] }}\n";
        assert_eq!(JsonObject::parse(text.into()).unwrap().to_bytes(), text);
    }

    #[test]
    fn a_change_leaves_every_other_value_unchanged() {
        let mut object =
            JsonObject::parse(r#"{"model":"a","vendor":{"k": 1.50},"model_x":null}"#.into()).unwrap();
        object.set("model", "b").unwrap();
        object.set("n", &2).unwrap();
        assert!(object.remove("model_x") && !object.remove("model_x"));
        assert_eq!(object.to_bytes(), r#"{"model":"b","vendor":{"k": 1.50},"n":2}"#);
    }

    #[test]
    fn a_member_given_twice_is_refused() {
        let error = JsonObject::parse(r#"{"model":"a","model":"b"}"#.into()).unwrap_err();
        assert_eq!(error.param(), Some("model"));
    }

    #[test]
    fn text_that_is_not_one_object_is_refused() {
        for text in ["", "[]", "1", "{", "{\"a\":}", "{} x", "nul"] {
            assert_eq!(JsonObject::parse(text.into()).unwrap_err().code(), "invalid_json", "{text}");
        }
    }

    proptest! {
        #[test]
        fn parse_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = JsonObject::parse(bytes.into());
        }

        #[test]
        fn members_survive(map in proptest::collection::btree_map(".{0,12}", any::<i64>(), 0..12)) {
            let text = serde_json::to_vec(&map).unwrap();
            let mut object = JsonObject::parse(text.into()).unwrap();
            object.set("\u{1}added", "x").unwrap();
            object.remove("\u{1}added");
            let back: std::collections::BTreeMap<String, i64> = object.to().unwrap();
            prop_assert_eq!(back, map);
        }
    }
}
