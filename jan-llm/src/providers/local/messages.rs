//! Converts the messages and tools of a request to the form that chat templates expect.

use jan_core::{ChatRequest, Error, Result};
use serde_json::{Value, json};

use super::reader::Form;

/// Which tool the model is to call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    /// No tool.
    None,
    /// The model decides.
    Auto,
    /// At least one call, of any tool.
    Required,
    /// A call of this tool.
    Named(Value),
}

impl Choice {
    /// Reads `tool_choice`.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming `tool_choice` when it names a tool that is not in `tools`.
    pub(super) fn read(request: &ChatRequest, tools: &[Value]) -> Result<Self> {
        let wrong = |message: String| Error::invalid("tool_choice", message);
        if let Some(i) = tools.iter().position(|tool| tool_name(tool).is_empty()) {
            let param = format!("tools[{i}]");
            return Err(Error::invalid(param.clone(), format!("`{param}` is no function with a name.")));
        }
        let choice: Value = request.get("tool_choice")?.unwrap_or_else(|| "auto".into());
        match (choice.as_str(), choice.pointer("/function/name").and_then(Value::as_str)) {
            (Some("none"), _) => Ok(Self::None),
            (Some("auto"), _) => Ok(Self::Auto),
            (Some("required"), _) if tools.is_empty() => {
                Err(wrong("`tool_choice` requires a tool, and there is none in `tools`.".into()))
            }
            (Some("required"), _) => Ok(Self::Required),
            (None, Some(name)) => {
                let tool = tools.iter().find(|tool| tool_name(tool) == name).cloned();
                tool.map(Self::Named)
                    .ok_or_else(|| wrong(format!("`tool_choice` names `{name}`, which is not in `tools`.")))
            }
            _ => Err(wrong("`tool_choice` must be none, auto, required or a function by its name.".into())),
        }
    }

    /// Whether the answer must be a call.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self, Self::Required | Self::Named(_))
    }
}

/// The function's name; empty when the tool is not a function.
pub(super) fn tool_name(tool: &Value) -> &str {
    tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default()
}

/// The roles of the API, each with the role that chat templates use for it.
const ROLES: [(&str, &str); 6] = [
    ("system", "system"),
    ("developer", "system"),
    ("user", "user"),
    ("assistant", "assistant"),
    ("tool", "tool"),
    ("function", "tool"),
];

/// The messages, with content as one string, arguments of earlier calls as objects, and the roles of templates.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the part that is not text, or the unknown role.
pub(super) fn read(request: &ChatRequest) -> Result<Vec<Value>> {
    let mut messages: Vec<Value> = request.get("messages")?.unwrap_or_default();
    for (i, message) in messages.iter_mut().enumerate() {
        let role = role(message, i)?;
        let Some(message) = message.as_object_mut() else { continue };
        let content = match message.get("content") {
            Some(Value::Array(parts)) => parts_text(parts, i)?,
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        message.insert("content".into(), content.into());
        message.insert("role".into(), role.into());
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for arguments in
            calls.into_iter().flatten().filter_map(|call| call.pointer_mut("/function/arguments"))
        {
            // Templates convert arguments to JSON themselves; a string would be quoted a second time.
            let read = arguments.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(object) = read.filter(Value::is_object) {
                *arguments = object;
            }
        }
    }
    Ok(messages)
}

/// The template's role for a message. An unknown role is refused: a template would render it as a kind of message that
/// the model was not trained on, or drop the message.
fn role(message: &Value, at: usize) -> Result<&'static str> {
    let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
    let known = ROLES.iter().find(|(name, _)| *name == role).map(|(_, means)| *means);
    known.ok_or_else(|| {
        let param = format!("messages[{at}].role");
        let message = format!("`{param}` must be system, developer, user, assistant, tool or function.");
        Error::invalid(param, message)
    })
}

fn parts_text(parts: &[Value], message: usize) -> Result<String> {
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        match part.get("text").or(part.get("refusal")).and_then(Value::as_str) {
            Some(text) => out.push_str(text),
            None => {
                let param = format!("messages[{message}].content[{i}]");
                let message = format!("The local model reads text only: `{param}` is of type `{kind}`.");
                return Err(Error::invalid(param, message).with_code("unsupported_content"));
            }
        }
    }
    Ok(out)
}

/// Adds a description of the tools to the system message, for a forced call when the chat template does not support
/// tools.
pub(super) fn describe_tools(messages: &mut Vec<Value>, tools: &[Value], form: &Form) {
    let wanted = |tool: &&Value| !matches!(form, Form::Arguments { name } if name != tool_name(tool));
    let listed: Vec<String> =
        tools.iter().filter(wanted).filter_map(|tool| tool.get("function")).map(Value::to_string).collect();
    let how = match form {
        Form::Arguments { .. } => {
            "Answer with the arguments for this function as JSON, taken from the conversation"
        }
        _ => "Answer with a call of one of these functions as JSON, with its name and its arguments",
    };
    let text = format!("{how}:\n{}", listed.join("\n"));
    match messages.first_mut().filter(|first| first.get("role").is_some_and(|role| role == "system")) {
        Some(system) => {
            let before = system.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(content) = system.get_mut("content") {
                *content = format!("{before}\n\n{text}").into();
            }
        }
        None => messages.insert(0, json!({"role": "system", "content": text})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: Value) -> ChatRequest {
        ChatRequest::parse(body.to_string().into()).unwrap()
    }

    #[test]
    fn content_becomes_text_and_arguments_become_objects() {
        let request = ask(json!({"model": "m", "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"z\":1,\"a\":2}"}}]}
        ]}));
        let messages = read(&request).unwrap();
        assert_eq!(messages[0], json!({"role": "system", "content": "ab"}));
        assert_eq!(messages[1]["content"], "");
        // The caller's order of members is kept, since the model reads it.
        assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"].to_string(), "{\"z\":1,\"a\":2}");
    }

    #[test]
    fn an_error_names_the_unknown_role() {
        for role in ["wizard", "System"] {
            let request = ask(
                json!({"model": "m", "messages": [{"role": "user", "content": "x"}, {"role": role, "content": "y"}]}),
            );
            let error = read(&request).unwrap_err();
            assert_eq!(error.param(), Some("messages[1].role"), "{role}");
        }
        let request =
            ask(json!({"model": "m", "messages": [{"role": "function", "name": "f", "content": "x"}]}));
        assert_eq!(read(&request).unwrap()[0]["role"], "tool");
    }

    #[test]
    fn an_error_names_the_image_part() {
        let request = ask(
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]}]}),
        );
        let error = read(&request).unwrap_err();
        assert_eq!(error.param(), Some("messages[1].content[1]"));
    }

    #[test]
    fn tool_choice_must_name_a_tool_of_the_request() {
        let tools = [json!({"type": "function", "function": {"name": "f"}})];
        let read = |choice: Value, tools: &[Value]| {
            let request = ask(json!({"model": "m", "messages": [{"role": "user"}], "tool_choice": choice}));
            Choice::read(&request, tools).map_err(|e| e.param().unwrap().to_owned())
        };
        let named = |name| json!({"type": "function", "function": {"name": name}});
        assert_eq!(read(json!(null), &tools), Ok(Choice::Auto));
        assert_eq!(read(named("f"), &tools), Ok(Choice::Named(tools[0].clone())));
        assert_eq!(read("required".into(), &tools), Ok(Choice::Required));
        for (choice, tools) in [(named("g"), &tools[..]), ("required".into(), &[]), ("any".into(), &tools)] {
            assert_eq!(read(choice, tools), Err("tool_choice".to_owned()));
        }
        assert_eq!(read("auto".into(), &[json!({"type": "web_search"})]), Err("tools[0]".to_owned()));
    }
}
