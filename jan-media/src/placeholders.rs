//! Finds and replaces media ids in a JSON payload. A string counts if all of it is an id in any of its forms, links to
//! this server included. A longer text that contains an id does not count. Pure.

use std::collections::HashSet;

use jan_core::media::OwnHosts;
use serde_json::Value;

/// The ids that a payload contains, each once, in the order of their first occurrence.
pub fn find(payload: &Value, hosts: &OwnHosts) -> Vec<String> {
    let (mut seen, mut ids) = (HashSet::new(), Vec::new());
    // A list of values to visit, and no recursion: a payload may be nested deeper than the stack allows.
    let mut rest = vec![payload];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                ids.extend(hosts.id_of(text).filter(|id| seen.insert(*id)).map(str::to_owned));
            }
            Value::Array(items) => rest.extend(items.iter().rev()),
            Value::Object(members) => rest.extend(members.values().rev()),
            _ => {}
        }
    }
    ids
}

/// Replaces every id for which `with` returns a text.
pub fn replace(payload: &mut Value, hosts: &OwnHosts, with: impl Fn(&str) -> Option<String>) {
    let mut rest = vec![payload];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                if let Some(other) = hosts.id_of(text).and_then(&with) {
                    *text = other;
                }
            }
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => rest.extend(members.values_mut()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use jan_core::media::PREFIX;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_found_and_replaced_at_any_depth() {
        let hosts = OwnHosts::new();
        let [a, b] = [1, 2].map(|n| jan_core::id::ulid(PREFIX, n));
        let mut payload = json!([
            {"image_url": {"url": format!("data:image/png;{a}"), "detail": "low"}},
            b, a, {"text": format!("What is {a}?"), &a: 1, "deep": [[[b, null, 1.5]]]},
        ]);
        assert_eq!(find(&payload, &hosts), [a.clone(), b.clone()]);
        replace(&mut payload, &hosts, |id| (id == a).then(|| "https://x/".to_owned()));
        let text = format!("What is {a}?");
        let replaced = json!([
            {"image_url": {"url": "https://x/", "detail": "low"}},
            b, "https://x/", {"text": text, &a: 1, "deep": [[[b, null, 1.5]]]},
        ]);
        assert_eq!(payload, replaced);
        assert_eq!(find(&payload, &hosts), [b]);
    }

    proptest! {
        #[test]
        fn nothing_panics(texts in proptest::collection::vec("(data:[a-z/]{0,9};)?jan_[0-9a-hjkmnp-tv-z]{25,27}", 0..9), depth in 0..300usize) {
            let (mut payload, hosts) = (json!(texts), OwnHosts::new());
            for _ in 0..depth {
                payload = json!([payload]);
            }
            let ids = find(&payload, &hosts);
            prop_assert!(ids.len() <= texts.len());
            replace(&mut payload, &hosts, |_| Some(String::new()));
            prop_assert!(find(&payload, &hosts).is_empty());
        }
    }
}
