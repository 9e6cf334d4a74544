//! Prepares a chat request for the worker: the prompt as tokens, the sampling parameters, the form of the answer and
//! its stop sequences. Every error of the caller is reported here, before any work is queued.

use std::collections::HashMap;

use jan_core::{ChatRequest, Error, Result};
use serde_json::{Value, json};

use super::constrain::{Constraint, unusable, with_large_stack};
use super::messages::{self, Choice};
use super::reader::{Form, Reader, THINK};
use super::sampler::Sampling;
use super::schema::{Plain, any_object};
use super::template::Prompt;
use super::{DEFAULT_TEMPERATURE, Loaded};

/// A checked request that is ready to run.
pub(super) struct PreparedRequest {
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) stops: Vec<String>,
    /// The most tokens of the answer: the caller's limit, but not more than the prompt leaves free in the context.
    pub(super) max_tokens: usize,
    pub(super) reader: Reader,
    pub(super) constraint: Option<Constraint>,
    pub(super) wants_usage: bool,
    /// Whether the answer continues the text of the prompt (a text completion). A leading space is then part of the
    /// answer.
    pub(super) continues_prompt: bool,
}

impl PreparedRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field.
    pub(super) fn read(request: &ChatRequest, model: &Loaded) -> Result<Self> {
        refuse_unsupported(request)?;
        let mut prompt = Prompt { messages: messages::read(request)?, ..Prompt::default() };
        prompt.variables = request.get("chat_template_kwargs")?.unwrap_or_default();
        if let Some(thinking) = request.get::<bool>("enable_thinking")? {
            prompt.variables.insert("enable_thinking".into(), thinking.into());
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
        let (form, constraint) = if is_free { formed()? } else { with_large_stack(formed)? };
        if constraint.is_some() {
            // The grammar applies from the first token on, so the model cannot write reasoning before the answer.
            prompt.variables.insert("enable_thinking".into(), false.into());
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
        let free = model.context.saturating_sub(tokens.len());
        if free == 0 {
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
            // The grammar decides where a constrained answer ends; a stop sequence would cut it in the middle.
            stops: stops(request)?.into_iter().filter(|_| constraint.is_none()).collect(),
            max_tokens: limit.map_or(free, |limit| limit.min(free)),
            reader: Reader::new(form, model.template.thinks && constraint.is_none(), thinking),
            constraint,
            wants_usage: !request.wants_stream() || request.wants_usage(),
            continues_prompt: false,
        })
    }
}

/// The beginning of a forced call in the form of models that were trained on `<tool_call>`. The function's name comes
/// from the caller, so `guarded` must protect it against control tokens.
fn opening(form: &Form, guarded: impl Fn(&str) -> String) -> String {
    match form {
        Form::Arguments { name } => {
            format!("<tool_call>\n{{\"name\": {}, \"arguments\": ", json!(guarded(name)))
        }
        _ => "<tool_call>\n".to_owned(),
    }
}

/// Refuses parameters that would change the answer and are not supported, instead of ignoring them.
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

/// The schema that constrains an answer, with the parameter that it came from.
type AnswerSchema = Option<(&'static str, Plain)>;

/// The form of the answer, and the schema that constrains it.
fn form(request: &ChatRequest, choice: &Choice, tools: &[Value]) -> Result<(Form, AnswerSchema)> {
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
    let schema = schema.transpose().map_err(|why| unusable("response_format", &why))?;
    Ok((Form::Text { tools: may_call }, schema))
}

pub(super) fn sampling(request: &ChatRequest, model: &Loaded) -> Result<Sampling> {
    let bias: HashMap<String, f32> = request.get("logit_bias")?.unwrap_or_default();
    let bias: Option<Vec<(u32, f32)>> = bias
        .into_iter()
        .map(|(id, bias)| {
            Some((id.parse().ok().filter(|id| model.vocab.contains(*id))?, bias.clamp(-100.0, 100.0)))
        })
        .collect();
    let seed: Option<i64> = request.get("seed")?;
    // Several servers accept -1 for "no limit", so a negative number is accepted here too.
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

    /// A short form of Qwen3's template. The vocabulary is that of the small test model.
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
            let ids = PreparedRequest::read(request, &model).unwrap().prompt;
            let bytes: Vec<u8> = ids.iter().flat_map(|id| model.vocab.bytes(*id)).copied().collect();
            String::from_utf8(bytes).unwrap()
        };
        Some(requests.iter().map(prompt).collect())
    }

    #[test]
    fn callers_can_turn_reasoning_off_and_a_constrained_answer_turns_it_off() {
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
        let free = ChatRequest::new("m").user("Hi").with("tools", &[tool]);
        let forced =
            free.clone().with("tool_choice", &json!({"type": "function", "function": {"name": "f"}}));
        let required = free.clone().with("tool_choice", "required");
        let no_reasoning = free.clone().with("enable_thinking", &false);
        let by_template_variable =
            free.clone().with("chat_template_kwargs", &json!({"enable_thinking": false}));
        let Some(read) = prompts(QWEN, &[&free, &forced, &required, &no_reasoning, &by_template_variable])
        else {
            return;
        };
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
