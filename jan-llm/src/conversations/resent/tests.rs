use super::*;
use jan_core::chat::{FunctionCall, Message, ToolCall};
use proptest::prelude::*;

/// A talk in short: `u1` a question, `a1` an answer, `c1` a call, `r1` its result, `s1` an instruction, `p1` another answer.
fn talk(short: &str) -> Vec<Message> {
    short.split_whitespace().map(message).collect()
}

fn message(word: &str) -> Message {
    let (kind, id) = word.split_at(1);
    match kind {
        "u" => Message::new("user", format!(" question {id}\n")),
        "a" => Message::new("assistant", format!("answer {id}")),
        "p" => Message::new("assistant", format!("part {id}")),
        "s" => Message::new("system", format!("instruction {id}")),
        "r" => Message { tool_call_id: Some(id.into()), ..Message::new("tool", "result") },
        _ => {
            let call =
                ToolCall { id: id.into(), function: FunctionCall::new("f", "{}"), ..ToolCall::default() };
            Message { role: "assistant".into(), tool_calls: Some(vec![call]), ..Message::default() }
        }
    }
}

/// What is new, and behind which stored message an old question is asked again.
fn compared(stored: &str, whole: bool, request: &str) -> (String, Option<String>) {
    let words = |text: &'_ str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let found = compare(&talk(stored), whole, &talk(request));
    let (stored, request) = (words(stored), words(request));
    let new: Vec<_> = found.new.iter().map(|at| request[*at].clone()).collect();
    (new.join(" "), found.again.map(|again| stored[again.after].clone()))
}

#[test]
fn what_is_new_is_what_the_conversation_does_not_hold() {
    let table = [
        // stored, request, what of it is new
        ("", "u1", "u1"),
        ("", "u1 a1 u2", "u1 a1 u2"),
        ("", "s1 u1", "s1 u1"),
        // The whole talk again, and one message more.
        ("u1 a1", "u1 a1 u2", "u2"),
        ("u1 a1 u2 u3", "u1 a1 u3", ""),
        ("u1 a1 u2 a2", "u1 a1 u2 a2 u3", "u3"),
        ("u1 a1", "u1 a1 u1", "u1"),
        ("u1 a1", "u1 p1 u2", "u2"),
        ("u1 a1 u2 a2", "u1 p1 u2 p2 u3", "u3"),
        ("u1 a1 u2 a2", "u1 u2 a2 u3", "u3"),
        ("u1 a1", "u1 a1", ""),
        // A message alone is new, unless it is the last and has no answer yet.
        ("u1 a1", "u1", "u1"),
        ("u1 a1 u2 a2", "u2", "u2"),
        ("u1", "u1", ""),
        ("u1 a1 u2", "u2", ""),
        ("u1 u2", "u1", "u1"),
        ("u1 u2", "u2", ""),
        ("u1 u2", "u1 u2", ""),
        ("u1", "u1 u2", "u2"),
        ("u1 c1", "u1", "u1"),
        // Posted as an item before.
        ("u1 a1 u2", "u1 a1 u2", ""),
        ("u1 a1 u2", "u1 a1 u2 u3", "u3"),
        // After a stop, with the part of the answer that the page had shown, or without it.
        ("u1 u2", "u1 p1 u2", ""),
        ("u1", "u1 p1 u2", "p1 u2"),
        ("u1 a1", "u1 a1 u2 p2 u3", "u2 p2 u3"),
        ("u1 a1 u2 u3", "u1 a1 u2 p2 u3", ""),
        ("u1 a1 u2 u3 a3 u4", "u1 a1 u2 p2 u3 a3 u4", ""),
        ("u1 u2 a2", "u1 p1 u2 a2 u3", "u3"),
        // Only the newest part of the talk.
        ("u1 a1 u2 a2", "u2 a2 u3", "u3"),
        ("u1 a1 u2 a2", "a2 u3", "u3"),
        ("u1 a1 u2 a2", "a1 u2 a2 u3", "u3"),
        ("u1 a1", "a1 u1", "u1"),
        // Something was deleted here or there.
        ("u1 a1 u3 a3", "u1 a1 u2 a2 u3 a3 u4", "u4"),
        ("u1 a1 u2 a2 u3 a3", "u1 a1 u3 a3 u4", "u4"),
        // Another device has gone on.
        ("u1 a1 u2 a2", "u1 a1 u3", "u3"),
        // A greeting that one of the two shows.
        ("a0 u1 a1", "a0 u1 a1 u2", "u2"),
        ("u1 a1", "a0 u1 a1 u2", "u2"),
        ("a0 u1 a1", "u1 a1 u2", "u2"),
        ("u1", "a0 u1", ""),
        // Another talk.
        ("u1 a1", "u7 a7 u8", "u7 a7 u8"),
        // Instructions are told once.
        ("s1 u1 a1", "s1 u1 a1 u2", "u2"),
        ("s1 u1 a1", "s1 u2", "u2"),
        ("s1 u1 a1", "s2 u1 a1 u2", "s2 u2"),
        // Tools.
        ("u1 c1", "r1", "r1"),
        ("u1 c1", "u1 c1 r1", "r1"),
        ("u1 c1 u2 a2", "u1 c1 u2 a2 r1", "r1"),
        ("u1 c1 u2", "u1 c1 r1 u2", "r1"),
        ("u1 c1 u2 u3", "u1 c1 r1 u3", "r1"),
        ("u1 c1 u2 a2 r1", "u1 c1 r1 u2 a2 u3", "u3"),
        ("u1 c1 u2 a2 r1", "u1 c1 u2 a2 r1", ""),
        ("u1 c1 r1 a1", "u1 a1 u2", "u2"),
        ("u1 c1 r1 a1", "u1 c1 r1 a1 u2", "u2"),
        ("u1 c1 r1 c1", "u1 c1 r1 c1 r1", "r1"),
        ("u1 c1 r1 a1 u2 c1", "r1", "r1"),
        ("u1", "u1 c1 r1", "c1 r1"),
        ("u1 c1 r1", "u1 c1 r1 p1 u2", "p1 u2"),
        ("u1 c1 r1 a1", "r1 u2", "u2"),
        ("u1 c1", "r1 u2", "r1 u2"),
        ("u1 c1 u2", "r1", "r1"),
    ];
    for (stored, request, new) in table {
        assert_eq!(compared(stored, true, request), (new.to_owned(), None), "{stored} | {request}");
    }
}

#[test]
fn a_beginning_of_the_talk_asks_its_last_question_again() {
    let table = [
        // stored, request, behind what the new answer goes
        ("u1 a1 u2 a2", "u1 a1 u2", "u2"),
        ("u1 a1 u2 a2 u3 a3", "u1 a1 u2", "u2"),
        ("u1 a1 u1 a2", "u1 a1 u1", "u1"),
        ("s1 u1 a1 u2 a2", "u1 a1 u2", "u2"),
        ("a0 u1 a1", "a0 u1", "u1"),
        // As the client shows it: answers changed or in part, tools left out, the newest part only.
        ("u1 a1 u2 a2", "u1 p1 u2", "u2"),
        ("u1 c1 r1 a1 u2 a2", "u1 a1 u2", "u2"),
        ("u1 u2 a2 u3 a3", "u1 p1 u2 a2 u3", "u3"),
        ("u1 a1 u2 a2 u3 a3", "u2 a2 u3", "u3"),
        ("u1 a1 u2 a2", "a1 u2", "u2"),
        // Up to a result.
        ("u1 c1 r1 a1", "u1 c1 r1", "r1"),
        ("u1 c1 r1 a1", "r1", "r1"),
        ("u1 c1 r1 a1 u2 a2", "u1 c1 r1", "r1"),
        // A result that is kept behind the question which it is shown before.
        ("u1 c1 u2 r1 a2", "u1 c1 r1 u2", "r1"),
        // Up to an answer.
        ("u1 a1 u2 a2", "u1 a1", "a1"),
        // What follows was asked and not answered.
        ("u1 a1 u2 u3", "u1 a1 u2", "u2"),
    ];
    for (stored, request, after) in table {
        let (new, again) = compared(stored, true, request);
        assert_eq!((new.as_str(), again.as_deref()), ("", Some(after)), "{stored} | {request}");
    }
    let found = |stored: &str| compare(&talk(stored), true, &talk("u1 a1 u2")).again.unwrap();
    assert!(found("u1 a1 u2 a2").is_answered && !found("u1 a1 u2 u3").is_answered);
}

#[test]
fn an_instruction_is_told_once_on_a_branch_too() {
    assert_eq!(compared("u1 a1 u2 a2 s1", true, "s1 u1 a1 u2"), ("s1".to_owned(), Some("u2".to_owned())));
}

#[test]
fn of_a_long_talk_the_newest_part_is_enough() {
    let table = [
        ("u3 a3 u4 a4", "u1 a1 u2 a2 u3 a3 u4 a4 u5", "u5", None),
        ("a2 u3 a3 u4 a4", "u1 a1 u2 a2 u3 a3 u4 a4 u5", "u5", None),
        ("u3 a3 u4 a4", "u1 a1 u2 a2 u3 a3 u4", "", Some("u4")),
        ("u3 a3 u4", "u1 a1 u2 a2 u3 a3 u4", "", None),
        ("u3 a3 u4 a4", "u5", "u5", None),
    ];
    for (stored, request, new, again) in table {
        let right = (new.to_owned(), again.map(str::to_owned));
        assert_eq!(compared(stored, false, request), right, "{stored} | {request}");
    }
}

/// A talk of questions and answers that repeat themselves.
fn any_talk() -> impl Strategy<Value = Vec<String>> {
    let turn = prop_oneof![
        4 => (0u8..3, 0u8..3).prop_map(|(q, a)| vec![format!("u{q}"), format!("a{a}")]),
        1 => (0u8..3, 0u8..3).prop_map(|(q, a)| vec![format!("u{q}"), "c1".into(), "r1".into(), format!("a{a}")]),
    ];
    prop::collection::vec(turn, 1..7).prop_map(|turns| turns.concat())
}

proptest! {
    /// Whoever sends the whole talk adds what comes behind it, whatever was said before and however often.
    #[test]
    fn a_whole_talk_adds_its_last_message(stored in any_talk(), next in 0u8..3, posted in any::<bool>()) {
        let next = format!("u{next}");
        let request = [stored.clone(), vec![next.clone()]].concat().join(" ");
        let stored = if posted { request.clone() } else { stored.join(" ") };
        let new = if posted { String::new() } else { next };
        prop_assert_eq!(compared(&stored, true, &request), (new, None));
    }

    /// A beginning with an answer in it that ends with a question asks that question again.
    #[test]
    fn a_beginning_asks_again(stored in any_talk(), at in 0usize..40) {
        let questions: Vec<usize> =
            (1..stored.len()).filter(|at| stored[*at].starts_with('u')).collect();
        prop_assume!(!questions.is_empty());
        let at = questions[at % questions.len()];
        let found = compare(&talk(&stored.join(" ")), true, &talk(&stored[..=at].join(" ")));
        prop_assert_eq!(found.new, Vec::<usize>::new());
        prop_assert_eq!(found.again, Some(Again { after: at, is_answered: true }));
    }

    /// Whatever is compared: what is new is of the request, in its order behind the instructions, and nothing twice; and
    /// what nobody stored is not lost behind what is known.
    #[test]
    fn a_plan_is_sound(stored in "([uaprcs][0-2] ){0,12}", request in "([uaprcs][0-2] ){0,12}", whole in any::<bool>()) {
        let (stored, request) = (talk(&stored), talk(&request));
        let found = compare(&stored, whole, &request);
        let mut seen = found.new.clone();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), found.new.len());
        prop_assert!(found.new.iter().all(|at| *at < request.len()));
        prop_assert!(found.known.iter().all(|(here, there)| *here < stored.len() && *there < request.len()));
        prop_assert!(found.again.is_none_or(|again| again.after < stored.len()));
        if stored.is_empty() {
            prop_assert_eq!(found.new.len(), request.len());
        }
    }
}
