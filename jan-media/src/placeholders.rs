//! Media named in a JSON payload: every text that is an id in any spelling, a link of our own included. Pure. A text that merely holds
//! an id, as a letter about one does, names nothing.

use std::collections::HashSet;

use jan_core::media::OwnHosts;
use serde_json::Value;

/// The ids that a payload names, each once, in their order.
pub fn find(payload: &Value, hosts: &OwnHosts) -> Vec<String> {
    let (mut seen, mut ids) = (HashSet::new(), Vec::new());
    // A list of what is still to be looked at, not a recursion: a payload can be deeper than the stack.
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

/// Puts something else in the place of every id for which there is something.
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
    fn ids_are_found_and_replaced_wherever_they_stand() {
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
