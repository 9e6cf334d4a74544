//! From a chat request to what the worker needs: a prompt in tokens, how to draw, the form of the answer and where it
//! ends. Everything a caller can get wrong is found here, before any work is queued.

use std::collections::HashMap;

use jan_core::{ChatRequest, Error, Result};
use serde_json::{Value, json};

use super::constrain::{Constraint, deep, unusable};
use super::messages::{self, Choice};
use super::reader::{Form, Reader, THINK};
use super::sampler::Sampling;
use super::schema::{Plain, any_object};
use super::template::Prompt;
use super::{DEFAULT_TEMPERATURE, Loaded};

/// One request, ready to run.
pub(super) struct Ask {
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) stops: Vec<String>,
    /// The most tokens of the answer: what the caller allows and the context has left.
    pub(super) budget: usize,
    pub(super) reader: Reader,
    pub(super) constraint: Option<Constraint>,
    pub(super) wants_usage: bool,
    /// The answer goes on where the prompt ends: a space at its beginning is its own.
    pub(super) goes_on: bool,
}

impl Ask {
    /// Reads a request.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field.
    pub(super) fn read(request: &ChatRequest, model: &Loaded) -> Result<Self> {
        refuse_unsupported(request)?;
        let mut prompt = Prompt { messages: messages::read(request)?, ..Prompt::default() };
        prompt.more = request.get("chat_template_kwargs")?.unwrap_or_default();
        if let Some(thinking) = request.get::<bool>("enable_thinking")? {
            prompt.more.insert("enable_thinking".into(), thinking.into());
        }

        let tools: Vec<Value> = request.get("tools")?.unwrap_or_default();
        let choice = Choice::read(request, &tools)?;
        if !tools.is_empty() && choice != Choice::None && model.template.knows_tools {
            prompt.tools = Some(Value::Array(tools.clone()));
        }
        let formed = || -> Result<(Form, Option<Constraint>)> {
            let (form, schema) = form(request, &choice, &tools)?;
            let constraint = schema.map(|(param, schema)| model.grammars.json(param, schema)).transpose()?;
            Ok((form, constraint))
        };
        let is_free = !choice.is_forced() && request.get::<Value>("response_format")?.is_none();
        let (form, constraint) = if is_free { formed()? } else { deep(formed)? };
        if constraint.is_some() {
            // A form is kept from the first token on, so there is no room for thoughts.
            prompt.more.insert("enable_thinking".into(), false.into());
        }
        if choice.is_forced() && !model.template.knows_tools {
            messages::describe_tools(&mut prompt.messages, &tools, &form);
        }
        let mark = model.vocab.controls().guard_prompt(&mut prompt);
        let mut text = model.template.render(&prompt)?;
        let mut thinking = text.trim_end().ends_with(THINK);
        if constraint.is_some() && std::mem::take(&mut thinking) {
            text.push_str("\n</think>\n\n");
        }
        if choice.is_forced() && model.template.knows_tool_calls {
            text.push_str(&opening(&form, |name| model.vocab.controls().guard_text(name, mark)));
        }
        let tokens = model.vocab.encode_prompt(&text, mark)?;
        if tokens.is_empty() {
            let message = "The model's chat template makes nothing of these messages.";
            return Err(Error::invalid("messages", message));
        }
        let limit: Option<usize> = match request.get("max_completion_tokens")? {
            Some(limit) => Some(limit),
            None => request.get("max_tokens")?,
        };
        let left = model.context.saturating_sub(tokens.len());
        if left == 0 {
            let message = format!(
                "The messages are {} tokens long and the context of this model is {} tokens.",
                tokens.len(),
                model.context
            );
            return Err(Error::invalid("messages", message).with_code("context_length_exceeded"));
        }
        Ok(Self {
            prompt: tokens,
            sampling: sampling(request, model)?,
            // An answer of a given form ends by that form; half of one would be no answer.
            stops: stops(request)?.into_iter().filter(|_| constraint.is_none()).collect(),
            budget: limit.map_or(left, |limit| limit.min(left)),
            reader: Reader::new(form, model.template.thinks && constraint.is_none(), thinking),
            constraint,
            wants_usage: !request.wants_stream() || request.wants_usage(),
            goes_on: false,
        })
    }
}

/// The beginning of a forced call, as models write it that were trained on `<tool_call>`. The function's name is the
/// caller's text, and guarded as such.
fn opening(form: &Form, guarded: impl Fn(&str) -> String) -> String {
    match form {
        Form::Arguments { name } => {
            format!("<tool_call>\n{{\"name\": {}, \"arguments\": ", json!(guarded(name)))
        }
        _ => "<tool_call>\n".to_owned(),
    }
}

/// Things that would change the answer and are not done here are refused by name, not ignored.
fn refuse_unsupported(request: &ChatRequest) -> Result<()> {
    let refuse =
        |param: &str, message| Err(Error::invalid(param, message).with_code("unsupported_parameter"));
    if request.get::<u32>("n")?.unwrap_or(1) != 1 {
        return refuse("n", "The local model gives one answer at a time: `n` must be 1.");
    }
    if request.get::<bool>("logprobs")?.unwrap_or(false) {
        return refuse("logprobs", "The local model gives no `logprobs`.");
    }
    if request.get::<u32>("top_logprobs")?.unwrap_or(0) > 0 {
        return refuse("top_logprobs", "The local model gives no `top_logprobs`.");
    }
    Ok(())
}

/// A schema that an answer is held to, with the parameter that it came from.
type Held = Option<(&'static str, Plain)>;

/// The form of the answer, and the schema that it is held to with the parameter that asked for it.
fn form(request: &ChatRequest, choice: &Choice, tools: &[Value]) -> Result<(Form, Held)> {
    let arguments = |tool: &Value, prefix: &str| {
        let read = Plain::arguments(tool.pointer("/function/parameters"), prefix);
        read.map_err(|why| unusable("tools", &why))
    };
    match choice {
        Choice::Named(tool) => {
            let name = messages::tool_name(tool).to_owned();
            return Ok((Form::Arguments { name }, Some(("tools", arguments(tool, "")?))));
        }
        Choice::Required => {
            let call = |(at, tool)| Ok((messages::tool_name(tool), arguments(tool, &format!("{at}."))?));
            let calls = tools.iter().enumerate().map(call).collect::<Result<Vec<_>>>()?;
            return Ok((Form::Call, Some(("tools", Plain::call(calls)))));
        }
        Choice::Auto | Choice::None => {}
    }
    let wanted: Value = request.get("response_format")?.unwrap_or_default();
    let schema = match wanted.get("type").and_then(Value::as_str) {
        _ if wanted.is_null() => None,
        Some("text") => None,
        Some("json_object") => Some(any_object()),
        Some("json_schema") => match wanted.pointer("/json_schema/schema") {
            Some(schema) => Some(schema.clone()),
            None => {
                return Err(Error::invalid(
                    "response_format",
                    "`response_format.json_schema.schema` is missing.",
                ));
            }
        },
        _ => {
            let message = "`response_format.type` must be text, json_object or json_schema.";
            return Err(Error::invalid("response_format", message));
        }
    };
    let may_call = schema.is_none() && *choice == Choice::Auto && !tools.is_empty();
    let schema = schema.map(|schema| Plain::read(&schema).map(|plain| ("response_format", plain)));
    let held = schema.transpose().map_err(|why| unusable("response_format", &why))?;
    Ok((Form::Text { tools: may_call }, held))
}

pub(super) fn sampling(request: &ChatRequest, model: &Loaded) -> Result<Sampling> {
    let bias: HashMap<String, f32> = request.get("logit_bias")?.unwrap_or_default();
    let bias: Option<Vec<(u32, f32)>> = bias
        .into_iter()
        .map(|(id, bias)| {
            Some((id.parse().ok().filter(|id| model.vocab.holds(*id))?, bias.clamp(-100.0, 100.0)))
        })
        .collect();
    let seed: Option<i64> = request.get("seed")?;
    // -1 is what several servers take for "off".
    let top_k: Option<i64> = request.get("top_k")?;
    Ok(Sampling {
        temperature: request.get("temperature")?.unwrap_or(DEFAULT_TEMPERATURE),
        top_p: request.get("top_p")?.unwrap_or(1.0),
        top_k: top_k.and_then(|k| usize::try_from(k).ok()).unwrap_or(0),
        min_p: within(request, "min_p", 0.0, 1.0, 0.0)?,
        repetition: within(request, "repetition_penalty", 0.1, 10.0, 1.0)?,
        presence: request.get("presence_penalty")?.unwrap_or(0.0),
        frequency: request.get("frequency_penalty")?.unwrap_or(0.0),
        bias: bias
            .ok_or_else(|| Error::invalid("logit_bias", "`logit_bias` must name token ids of this model."))?,
        seed: seed.map(i64::cast_unsigned).or(model.seed),
    })
}

fn within(request: &ChatRequest, param: &str, min: f32, max: f32, default: f32) -> Result<f32> {
    match request.get::<f32>(param)? {
        None => Ok(default),
        Some(value) if (min..=max).contains(&value) => Ok(value),
        Some(_) => Err(Error::invalid(param, format!("`{param}` must be a number from {min} to {max}."))),
    }
}

pub(super) fn stops(request: &ChatRequest) -> Result<Vec<String>> {
    let Some(value) = request.get::<Value>("stop")? else { return Ok(Vec::new()) };
    let stops = match value {
        Value::String(stop) => Some(vec![stop]),
        many => serde_json::from_value::<Vec<String>>(many).ok(),
    };
    let stops = stops.filter(|stops| stops.len() <= 16 && stops.iter().all(|stop| !stop.is_empty()));
    stops.ok_or_else(|| {
        Error::invalid("stop", "`stop` must be a string or up to 16 strings, none of them empty.")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::constrain::Grammars;
    use super::super::gguf::Gguf;
    use super::super::template::Template;
    use super::super::tests::file;
    use super::super::vocab::Vocab;
    use super::*;

    /// As Qwen3 has it, in short; the vocabulary is the small model's.
    const QWEN: &str = "{% if tools %}{% for tool in tools %}{{ tool | tojson }}<tool_call>{% endfor %}{% endif %}\
        {% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: \
        {%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}";
    const DEEPSEEK: &str = "{{ messages[0].content + '<think>\n' }}";

    fn prompts(source: &str, requests: &[&ChatRequest]) -> Option<Vec<String>> {
        let vocab = Arc::new(Vocab::read(&Gguf::open(&file()?).unwrap().0).unwrap());
        let template = Template::new(source, "", "").unwrap();
        let grammars = Grammars::new(Arc::clone(&vocab)).unwrap();
        let (name, context) = ("m".to_owned(), 4096);
        let model = Loaded { name, created: 0, context, seed: None, vocab, template, grammars };
        let prompt = |request: &&ChatRequest| {
            let ids = Ask::read(request, &model).unwrap().prompt;
            let bytes: Vec<u8> = ids.iter().flat_map(|id| model.vocab.bytes(*id)).copied().collect();
            String::from_utf8(bytes).unwrap()
        };
        Some(requests.iter().map(prompt).collect())
    }

    #[test]
    fn thoughts_are_the_callers_choice_and_leave_room_for_a_form() {
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
        let free = ChatRequest::new("m").user("Hi").with("tools", &[tool]);
        let forced =
            free.clone().with("tool_choice", &json!({"type": "function", "function": {"name": "f"}}));
        let required = free.clone().with("tool_choice", "required");
        let calm = free.clone().with("enable_thinking", &false);
        let also = free.clone().with("chat_template_kwargs", &json!({"enable_thinking": false}));
        let Some(read) = prompts(QWEN, &[&free, &forced, &required, &calm, &also]) else { return };
        assert!(
            read[0].contains("{\"type\": \"function\"") && read[0].ends_with("Hi\nassistant:"),
            "{}",
            read[0]
        );
        assert!(
            read[1].ends_with("</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": "),
            "{}",
            read[1]
        );
        assert!(read[2].ends_with("</think>\n\n<tool_call>\n"), "{}", read[2]);
        assert!(read[3].ends_with("<think>\n\n</think>\n\n") && read[3] == read[4], "{}", read[3]);

        let json = ChatRequest::new("m").user("Hi").with("response_format", &json!({"type": "json_object"}));
        let read = prompts(DEEPSEEK, &[&ChatRequest::new("m").user("Hi"), &json]).unwrap();
        assert_eq!(read, ["Hi<think>\n", "Hi<think>\n\n</think>\n\n"]);
    }
}
