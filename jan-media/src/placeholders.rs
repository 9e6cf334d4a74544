//! Media named in a JSON payload: every text that is an id, bare or as `data:<mime>;<id>`. Pure. A text that merely holds
//! an id, as a letter about one does, names nothing.

use std::collections::HashSet;

use jan_core::media::media_id_of;
use serde_json::Value;

/// The ids that a payload names, each once, in their order.
pub fn find(payload: &Value) -> Vec<String> {
    let (mut seen, mut ids) = (HashSet::new(), Vec::new());
    // A list of what is still to be looked at, not a recursion: a payload can be deeper than the stack.
    let mut rest = vec![payload];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                ids.extend(media_id_of(text).filter(|id| seen.insert(*id)).map(str::to_owned));
            }
            Value::Array(items) => rest.extend(items.iter().rev()),
            Value::Object(members) => rest.extend(members.values().rev()),
            _ => {}
        }
    }
    ids
}

/// Puts something else in the place of every id for which there is something.
pub fn replace(payload: &mut Value, with: impl Fn(&str) -> Option<String>) {
    let mut rest = vec![payload];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                if let Some(other) = media_id_of(text).and_then(&with) {
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
        let [a, b] = [1, 2].map(|n| jan_core::id::ulid(PREFIX, n));
        let mut payload = json!([
            {"image_url": {"url": format!("data:image/png;{a}"), "detail": "low"}},
            b, a, {"text": format!("What is {a}?"), &a: 1, "deep": [[[b, null, 1.5]]]},
        ]);
        assert_eq!(find(&payload), [a.clone(), b.clone()]);
        replace(&mut payload, |id| (id == a).then(|| "https://x/".to_owned()));
        let text = format!("What is {a}?");
        let replaced = json!([
            {"image_url": {"url": "https://x/", "detail": "low"}},
            b, "https://x/", {"text": text, &a: 1, "deep": [[[b, null, 1.5]]]},
        ]);
        assert_eq!(payload, replaced);
        assert_eq!(find(&payload), [b]);
    }

    proptest! {
        #[test]
        fn nothing_panics(texts in proptest::collection::vec("(data:[a-z/]{0,9};)?jan_[0-9a-hjkmnp-tv-z]{25,27}", 0..9), depth in 0..300usize) {
            let mut payload = json!(texts);
            for _ in 0..depth {
                payload = json!([payload]);
            }
            let ids = find(&payload);
            prop_assert!(ids.len() <= texts.len());
            replace(&mut payload, |_| Some(String::new()));
            prop_assert!(find(&payload).is_empty());
        }
    }
}
