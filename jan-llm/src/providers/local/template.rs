//! The model's own chat template: Jinja source in the GGUF file, written for Python. It must render to exactly the same
//! bytes as in Python, because a prompt that differs from the training data makes the answers worse without any error.

use jan_core::{Error, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::gguf::Gguf;
use super::vocab::Vocab;

/// The template for files that have none: the form that most small chat models were trained on.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const NAME: &str = "chat_template";

/// A parsed chat template.
pub(super) struct Template {
    jinja: Environment<'static>,
    bos: String,
    eos: String,
    /// Whether the template renders tools.
    pub(super) knows_tools: bool,
    /// Whether calls are written between `<tool_call>` and `</tool_call>`.
    pub(super) knows_tool_calls: bool,
    /// Whether the model writes its reasoning in `<think>` before the answer.
    pub(super) thinks: bool,
}

/// The input of a template.
#[derive(Default)]
pub(super) struct Prompt {
    /// The messages, each a map with at least `role` and `content`.
    pub(super) messages: Vec<serde_json::Value>,
    /// The request's tools.
    pub(super) tools: Option<serde_json::Value>,
    /// Other variables, for example `enable_thinking`.
    pub(super) variables: serde_json::Map<String, serde_json::Value>,
}

impl Template {
    /// Reads the file's template.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub(super) fn read(gguf: &Gguf, vocab: &Vocab) -> Result<Self> {
        let source = gguf.text("tokenizer.chat_template").unwrap_or_else(|| {
            tracing::warn!(model = %gguf.path.display(), "the model has no chat template; ChatML is used");
            CHATML
        });
        if source.trim().is_empty() {
            return Err(gguf.unusable("has an empty chat template"));
        }
        let eos = gguf.id("tokenizer.ggml.eos_token_id");
        Self::new(source, vocab.name(vocab.bos()), vocab.name(eos))
            .map_err(|e| gguf.unusable("has a chat template that cannot be read").because(e))
    }

    pub(super) fn new(source: &str, bos: &str, eos: &str) -> Result<Self, minijinja::Error> {
        let mut jinja = Environment::new();
        // The same settings as Hugging Face's Python library uses for chat templates.
        jinja.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        jinja.set_unknown_method_callback(unknown_method_callback);
        jinja.add_filter("tojson", tojson);
        jinja.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        jinja.add_function("strftime_now", strftime_now);
        jinja.add_template_owned(NAME, without_generation_tags(source))?;
        Ok(Self {
            jinja,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            knows_tools: source.contains("tools"),
            knows_tool_calls: source.contains("<tool_call>"),
            thinks: source.contains("<think>"),
        })
    }

    /// The text of the prompt, up to the beginning of the assistant's answer.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming `messages` when the template refuses them.
    pub(super) fn render(&self, prompt: &Prompt) -> Result<String> {
        let variables = minijinja::context! {
            messages => Value::from(Serde(&prompt.messages)),
            tools => prompt.tools.as_ref().map(|tools| Value::from(Serde(tools))),
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            ..Value::from(Serde(&prompt.variables))
        };
        let rendered = self.jinja.get_template(NAME).and_then(|template| template.render(variables));
        rendered.map_err(|e| {
            let why = e.detail().unwrap_or("it cannot be filled with them").trim_end_matches('.').to_owned();
            let message = format!("The model's chat template does not take these messages: {why}.");
            Error::invalid("messages", message).because(e)
        })
    }
}

/// The tags `{% generation %}` and `{% endgeneration %}` enclose the text that training uses. minijinja does not know
/// them, and for rendering they have no effect. They are replaced by `{% if true %}` and `{% endif %}`, and not
/// removed, so that the white space control of the tags still applies.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        let (begin, tag) = match tag.strip_prefix(['-', '+']) {
            Some(inner) => tag.split_at(tag.len() - inner.len()),
            None => ("", tag),
        };
        let Some((inner, _)) = tag.split_once("%}") else { break };
        let word = inner.trim_end_matches(['-', '+']);
        let instead = match word.trim() {
            "generation" => " if true ",
            "endgeneration" => " endif ",
            _ => word,
        };
        let (end, behind) = tag.split_at(inner.len()).1.split_at(2);
        let closing = inner.get(word.len()..).unwrap_or_default();
        out.extend([before, "{%", begin, instead, closing, end]);
        rest = behind;
    }
    out + rest
}

/// The filter `tojson`: Python's `json.dumps(value, ensure_ascii=False)`, optionally with `indent`.
fn tojson(value: &Value, options: Kwargs) -> Result<Value, minijinja::Error> {
    let failed = |e: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string());
    let mut out = Vec::new();
    match options.get::<Option<usize>>("indent")? {
        Some(width) => {
            let spaces = vec![b' '; width];
            let pretty = PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, pretty)).map_err(failed)?;
        }
        None => {
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Python)).map_err(failed)?
        }
    }
    Ok(Value::from_safe_string(String::from_utf8_lossy(&out).into_owned()))
}

/// The formatter of Python's `json.dumps`: JSON with a space after every comma and colon.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

/// The current time in UTC, for templates that state the date. The client's time zone is unknown.
fn strftime_now(format: &str) -> Result<String, minijinja::Error> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &now)
        .map_err(|e| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str, prompt: &Prompt) -> Result<String> {
        Template::new(source, "<s>", "</s>").unwrap().render(prompt)
    }

    #[test]
    fn chatml_is_the_fallback() {
        let prompt =
            Prompt { messages: vec![json!({"role": "user", "content": "Hi <b>"})], ..Prompt::default() };
        assert_eq!(
            render(CHATML, &prompt).unwrap(),
            "<|im_start|>user\nHi <b><|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn tools_are_rendered_as_in_python() {
        let tool = serde_json::from_str(
            r#"{"type":"function","function":{"name":"zürich","a":[1,2.5,null],"<":"'é\n"}}"#,
        );
        let prompt = Prompt { tools: Some(tool.unwrap()), ..Prompt::default() };
        let want =
            r#"{"type": "function", "function": {"name": "zürich", "a": [1, 2.5, null], "<": "'é\n"}}"#;
        assert_eq!(render("{{ tools | tojson }}", &prompt).unwrap(), want);
        assert_eq!(
            render("{{ {'a': [1]} | tojson(indent=2) }}", &prompt).unwrap(),
            "{\n  \"a\": [\n    1\n  ]\n}"
        );
    }

    #[test]
    fn python_methods_and_slices_work_in_templates() {
        let prompt = Prompt {
            messages: vec![json!({"role": "assistant", "content": "<think>\nno\n</think>\n\nyes "})],
            variables: json!({"enable_thinking": false}).as_object().cloned().unwrap(),
            ..Prompt::default()
        };
        let source = "{%- set ns = namespace(last=none) %}\n  {% for m in messages[::-1] %}\n\
            {%- if 'role' in m and m.get('content') is string %}{%- set ns.last = m.content.split('</think>')[-1].strip() %}{%- endif %}\n\
            {% endfor %}\n{{ bos_token + ns.last }}{% if enable_thinking is defined and enable_thinking is false %}!{% endif %}";
        assert_eq!(render(source, &prompt).unwrap(), "<s>yes!");
        let year = render("{{ strftime_now('%Y') }}", &prompt).unwrap();
        assert!(year.parse::<u32>().unwrap() >= 2024);
    }

    #[test]
    fn generation_tags_have_no_effect() {
        let source = "{% for m in messages %}\n{% if m.role == 'assistant' %}\n  {%- generation -%}\n  {{ m.content }}\n\
            {%- endgeneration %}\n{% else %}{%generation%}u:{{ m.content }}{%+ endgeneration %}{% endif %}\n{% endfor %}{% raw %}{% x %}{% endraw %}|";
        let messages = ["user", "assistant"].map(|role| json!({"role": role, "content": role}));
        let prompt = Prompt { messages: messages.into(), ..Prompt::default() };
        assert_eq!(render(source, &prompt).unwrap(), "u:userassistant{% x %}|");
        assert_eq!(without_generation_tags("a {% b {%- generation"), "a {% b {%- generation");
    }

    #[test]
    fn an_exception_of_the_template_becomes_an_error_for_the_caller() {
        let error = render("{{ raise_exception('Roles must alternate.') }}", &Prompt::default()).unwrap_err();
        assert_eq!((error.kind(), error.param()), (jan_core::ErrorKind::Invalid, Some("messages")));
        assert!(error.message().contains("Roles must alternate"), "{error}");
    }
}
