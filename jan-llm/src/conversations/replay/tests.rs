use super::*;
use crate::conversations::{from_message, reasoning};
use jan_core::JsonObject;

fn message(value: Value) -> Message {
    serde_json::from_value(value).unwrap()
}

fn kept(messages: &[Message]) -> Vec<Item> {
    messages.iter().flat_map(|message| from_message(message, 0).unwrap()).collect()
}

fn round(messages: &[Message]) -> Vec<Message> {
    to_messages(&kept(messages))
}

fn recent(items: &[Item]) -> Vec<RecentItem> {
    items.iter().map(RecentItem::from).collect()
}

fn item(value: Value) -> Item {
    Item::new("msg_1", 0, JsonObject::parse(value.to_string().into()).unwrap())
}

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}})
}

#[test]
fn what_is_said_comes_back_as_it_was() {
    let talk = [
        message(json!({"role": "system", "content": "Be brief."})),
        message(json!({"role": "user", "name": "Ann", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "jan_01", "detail": "low"}, "cache_control": {"type": "e"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]})),
        message(json!({"role": "assistant", "content": "Let me look.", "tool_calls": [
            call("c1"),
            {"id": "c2", "type": "function", "function": {"name": "ask", "arguments": "{\"a\":1}"}}]})),
        message(json!({"role": "tool", "tool_call_id": "c1", "content": "a cat"})),
        message(json!({"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "yes"}]})),
        message(json!({"role": "assistant", "content": "A cat."})),
    ];
    assert_eq!(round(&talk), talk);
}

#[test]
fn members_that_nobody_here_knows_come_back() {
    let signed = json!({"id": "c1", "type": "function", "extra_content": {"google": {"thought_signature": "S"}},
                        "function": {"name": "look", "arguments": "{}", "strict": true}});
    let talk = [
        message(json!({"role": "user", "content": "go", "cache_control": {"type": "ephemeral"}})),
        message(json!({"role": "assistant", "tool_calls": [signed], "reasoning_details": [{"text": "hm"}]})),
        message(
            json!({"role": "tool", "tool_call_id": "c1", "name": "look", "content": "a cat", "cache": 1}),
        ),
        message(json!({"role": "assistant", "content": "A cat.", "citations": ["x"]})),
    ];
    assert_eq!(round(&talk), talk);
}

#[test]
fn custom_calls_come_back() {
    let custom = json!({"id": "k", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}});
    let talk = [
        message(json!({"role": "assistant", "tool_calls": [custom.clone()]})),
        message(json!({"role": "tool", "tool_call_id": "k", "content": "1"})),
    ];
    let items = kept(&talk);
    assert_eq!(items[0].text("type").as_deref(), Some("custom_tool_call"));
    assert_eq!(
        (items[0].text("name").as_deref(), items[0].text("input").as_deref()),
        (Some("sql"), Some("SELECT 1"))
    );
    assert_eq!(to_messages(&items), talk);
    assert_eq!(serde_json::to_value(&talk[0].tool_calls).unwrap(), json!([custom]));
}

#[test]
fn refusals_and_spoken_answers_are_told() {
    let refusal = message(json!({"role": "assistant", "content": null, "refusal": "I cannot."}));
    let items = kept(std::slice::from_ref(&refusal));
    let body: Value = items[0].body.to().unwrap();
    assert_eq!(body["content"], json!([{"type": "refusal", "refusal": "I cannot."}]));
    assert_eq!(to_messages(&items)[0].text(), "I cannot.");
    let spoken = message(json!({"role": "assistant", "content": null,
        "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 1, "transcript": "Hello"}}));
    let items = kept(&[spoken]);
    let body: Value = items[0].body.to().unwrap();
    assert_eq!(body["content"][0]["transcript"], "Hello");
    assert_eq!(to_messages(&items), [message(json!({"role": "assistant", "audio": {"id": "audio_1"}}))]);
}

#[test]
fn what_was_thought_is_told_with_its_call_and_with_nothing_else() {
    let thought = || reasoning("I should look.", 0).unwrap();
    let call_and_result = || {
        kept(&[
            message(json!({"role": "assistant", "content": "Well.", "tool_calls": [call("c1")]})),
            message(json!({"role": "tool", "tool_call_id": "c1", "content": "a cat"})),
        ])
    };
    let told = to_messages(&[vec![thought()], call_and_result()].concat());
    assert_eq!(told[0].rest["reasoning_content"], "I should look.");
    assert_eq!((told.len(), told[0].text().as_str()), (2, "Well."));
    let answer = kept(&[Message::new("assistant", "A cat.")]);
    let told = to_messages(&[vec![thought()], answer].concat());
    assert!(told[0].rest.is_empty());
    let asked = kept(&[Message::new("user", "And now?")]);
    let told = to_messages(&[vec![thought()], asked, call_and_result()].concat());
    assert!(told.iter().all(|message| message.rest.is_empty()));
}

#[test]
fn a_call_that_nobody_answered_is_not_told() {
    let items = kept(&[message(json!({"role": "assistant", "tool_calls": [call("c1")]}))]);
    assert!(to_messages(&items).is_empty());
    assert_eq!(replay(&recent(&items)).len(), 1);
    let mut answered = items;
    answered[0].body.set("output", "a cat").unwrap();
    let told = to_messages(&answered);
    assert_eq!((told.len(), told[1].text().as_str()), (2, "a cat"));
}

#[test]
fn tool_turns_as_the_originals_clients_keep_them() {
    let items = [
        item(
            json!({"type": "message", "role": "assistant", "content": [{"type": "tool_calls", "tool_calls": [call("c1")]}]}),
        ),
        item(json!({"type": "message", "role": "tool", "content": [
            {"type": "tool_result", "tool_call_id": "c1", "tool_result": "a cat"}]})),
        item(
            json!({"type": "message", "role": "user", "content": [{"type": "image", "image": {"url": "jan_01"}}]}),
        ),
    ];
    let told = serde_json::to_value(to_messages(&items)).unwrap();
    assert_eq!(
        told,
        json!([{"role": "assistant", "tool_calls": [call("c1")]},
               {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
               {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "jan_01", "detail": "auto"}}]}])
    );
}

#[test]
fn what_a_client_sends_back_is_told_where_the_store_lacks_it() {
    let stored = message(json!({"role": "assistant", "content": "", "tool_calls": [call("c1")]}));
    let mut stored = HistoryMessage::from(stored);
    let mut signed = call("c1");
    signed["extra_content"] = json!({"signature": "S"});
    let sent = message(json!({"role": "assistant", "content": null, "refusal": null, "annotations": [],
                              "reasoning_content": "hm", "tool_calls": [signed.clone()]}));
    add_members(&mut stored, &sent);
    assert_eq!(
        serde_json::to_value(stored.message()).unwrap(),
        json!({"role": "assistant", "content": "", "tool_calls": [signed], "reasoning_content": "hm"})
    );
    let mut other = HistoryMessage::from(Message::new("assistant", "another answer"));
    add_members(&mut other, &sent);
    assert!(other.message().rest.is_empty());
}

/// Every way in which a block, a member or a status may make a message more than plain text.
fn any_item() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let text = "[a-z\"\\\\é\n]{0,6}";
    let block = prop_oneof![
        4 => text.prop_map(|text| json!({"type": "input_text", "text": text})),
        4 => text.prop_map(|text| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": null})),
        1 => text.prop_map(|text| json!({"type": "refusal", "refusal": text})),
        1 => Just(json!({"type": "input_image", "image_url": "jan_1"})),
        1 => Just(json!({"type": "input_text", "text": 7})),
        1 => Just(json!({"type": "reasoning_text", "text": "hm"})),
    ];
    let content = prop_oneof![
        8 => prop::collection::vec(block, 0..3).prop_map(Value::from),
        1 => text.prop_map(Value::from),
    ];
    let kind = prop_oneof![8 => Just("message"), 1 => Just("reasoning"), 1 => Just("web_search_call")];
    let role = prop_oneof![3 => Just("user"), 3 => Just("assistant"), 1 => Just("system"), 1 => Just("tool"), 1 => Just("critic")];
    let status =
        prop_oneof![3 => Just(json!("completed")), 1 => Just(json!("incomplete")), 1 => Just(Value::Null)];
    let more = prop_oneof![
        4 => Just(("model", json!("m"))),
        1 => Just(("name", json!("Ann"))),
        1 => Just(("name", Value::Null)),
        1 => Just(("signature", json!("S"))),
        1 => Just(("signature", Value::Null)),
        1 => Just(("tool_calls", json!([call("c1")]))),
        1 => Just(("usage", json!({"total_tokens": 3}))),
    ];
    (kind, role, status, content, more).prop_map(|(kind, role, status, content, (name, value))| {
        json!({"type": kind, "role": role, "status": status, "content": content, name: value})
    })
}

proptest::proptest! {
    #[test]
    fn plain_text_is_replayed_as_if_it_were_read(items in proptest::collection::vec(any_item(), 1..5)) {
        let items: Vec<Item> = items.into_iter().map(item).collect();
        let mut read = Said::default();
        for RecentItem { id, body, .. } in recent(&items) {
            read.item(&id, &body);
        }
        let read: Vec<Message> = read.finish().into_iter().map(HistoryMessage::into_message).collect();
        let replayed: Vec<Message> = replay(&recent(&items)).into_iter().map(HistoryMessage::into_message).collect();
        proptest::prop_assert_eq!(replayed, read);
    }
}

#[test]
fn plain_text_is_not_parsed() {
    let items = kept(&[Message::new("user", "Tea? \"now\""), Message::new("assistant", "Yes.")]);
    let replayed = replay(&recent(&items));
    assert!(replayed.iter().all(AsMessage::is_plain));
    assert_eq!(replayed[0].message().text(), "Tea? \"now\"");
}
