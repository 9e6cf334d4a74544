//! What a model is told before it hears the conversation: the project's instruction, who the user is, what is
//! remembered, how to use tools. Each of these is a module with a name, an order and a template; the modules that have
//! something to say make up one system message, and their names are told to the caller.
//!
//! Where the conversation begins with a system or developer message of the caller's own, the modules' text is put
//! before its text, and its text stays as it is; otherwise a system message is put before the conversation. Either way
//! the model reads one system message at the front, which is all that many templates allow.

mod modules;
mod templates;

use jan_core::chat::{Content, Message, Part};

use crate::conversations::AsMessage;
use crate::settings::ProfileSettings;
use modules::MODULES;
pub use templates::{ActiveTemplates, Template, TemplateShape, Templates};

/// All that the modules choose from. The default says nothing.
#[derive(Clone, Copy)]
pub struct PromptInputs<'a> {
    /// Whether the caller asked for deep research.
    pub deep_research: bool,
    /// What the conversation's project says.
    pub project_instruction: Option<&'a str>,
    /// Who the user is.
    pub profile: Option<&'a ProfileSettings>,
    /// Which further modules the operator switched on.
    pub orchestration: Orchestration,
    /// Today, in words, for example `Monday, 23 November 2026`.
    pub date: Option<&'a str>,
    /// What is remembered, one thing each.
    pub memory: &'a [&'a str],
    /// Whether the request declares tools.
    pub tools: bool,
    /// The persona that the caller named; templates may use it as `{{persona}}`.
    pub persona: Option<&'a str>,
    /// The names of modules that the user switched off.
    pub disabled: &'a [&'a str],
    /// The operator's templates by key, where they differ from those built in. A key is a module's name.
    pub templates: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Default for PromptInputs<'_> {
    fn default() -> Self {
        Self {
            deep_research: false,
            project_instruction: None,
            profile: None,
            orchestration: Orchestration::default(),
            date: None,
            memory: &[],
            tools: false,
            persona: None,
            disabled: &[],
            templates: &|_| None,
        }
    }
}

/// The operator's switches; the others count only when `enabled` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orchestration {
    /// Adds the date, and lets the other switches count.
    pub enabled: bool,
    /// Adds what is remembered.
    pub memory: bool,
    /// Adds how to use tools.
    pub tools: bool,
    /// Adds help with code and with questions that take several steps.
    pub templates: bool,
}

/// Puts what applies before the conversation, in one system message; the second value names the modules that applied,
/// in their order.
pub fn compose(messages: Vec<Message>, inputs: &PromptInputs<'_>) -> (Vec<Message>, Vec<&'static str>) {
    compose_messages(messages, inputs)
}

/// The same for messages that need not be parsed.
pub(crate) fn compose_messages<M: AsMessage + From<Message>>(
    mut messages: Vec<M>,
    inputs: &PromptInputs<'_>,
) -> (Vec<M>, Vec<&'static str>) {
    let question = messages.iter().rfind(|message| message.role() == "user");
    let question = question.map(|message| message.message().text()).unwrap_or_default();
    let (mut applied, mut texts) = (Vec::new(), Vec::new());
    for module in MODULES.iter().filter(|module| !inputs.disabled.contains(&module.name)) {
        let Some(mut variables) = (module.variables)(inputs, &question) else { continue };
        variables.push(("persona", inputs.persona.unwrap_or_default().to_owned()));
        let template = (inputs.templates)(module.name).unwrap_or(module.template);
        let text = fill(template, &variables);
        if !text.trim().is_empty() {
            applied.push(module.name);
            texts.push(text.trim().to_owned());
        }
    }
    if applied.is_empty() {
        return (messages, applied);
    }
    put_first(texts.join("\n\n"), &mut messages);
    (messages, applied)
}

/// Replaces every `{{name}}` by the variable of that name. A name that is not known stays as it stands, and what a
/// variable holds is not looked at again: a user's text cannot ask for other variables.
fn fill(template: &str, variables: &[(&'static str, String)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let known = after.split_once("}}").and_then(|(name, after)| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name.trim())?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push_str("{{");
                rest = after;
            }
        }
    }
    text + rest
}

/// Puts `text` before the conversation; see the module for the rule.
fn put_first<M: AsMessage + From<Message>>(text: String, messages: &mut Vec<M>) {
    match messages.first_mut().filter(|first| matches!(first.role(), "system" | "developer")) {
        None => messages.insert(0, Message::new("system", text).into()),
        Some(own) => own.change(|own| match &mut own.content {
            None => own.content = Some(Content::Text(text)),
            Some(Content::Text(own)) => *own = format!("{text}\n\n{own}"),
            Some(Content::Parts(parts)) => {
                let text = Some(format!("{text}\n\n"));
                parts.insert(0, Part { kind: "text".into(), text, ..Part::default() });
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::BaseStyle;
    use proptest::prelude::*;

    const ALL: Orchestration = Orchestration { enabled: true, memory: true, tools: true, templates: true };

    fn user(text: &str) -> Vec<Message> {
        vec![Message::new("user", text)]
    }

    fn ann() -> ProfileSettings {
        ProfileSettings {
            nick_name: "Ann".into(),
            base_style: BaseStyle::Concise,
            ..ProfileSettings::default()
        }
    }

    fn everything(profile: &ProfileSettings) -> PromptInputs<'_> {
        PromptInputs {
            deep_research: true,
            project_instruction: Some("Speak of ships."),
            profile: Some(profile),
            orchestration: ALL,
            date: Some("Monday, 23 November 2026"),
            memory: &["Likes tea.", "Lives in Bergen."],
            tools: true,
            ..PromptInputs::default()
        }
    }

    const QUESTION: &str = "Explain step by step why this Rust function panics.";

    #[test]
    fn with_nothing_to_say_nothing_changes() {
        let blank = ProfileSettings { occupation: " \n".into(), ..ProfileSettings::default() };
        let inputs = PromptInputs {
            project_instruction: Some("  "),
            profile: Some(&blank),
            tools: true,
            ..PromptInputs::default()
        };
        assert_eq!(compose(user("Hi"), &inputs), (user("Hi"), vec![]));
        assert_eq!(
            compose(Vec::new(), &PromptInputs { orchestration: ALL, ..inputs }).1,
            ["tool_instructions"]
        );
    }

    #[test]
    fn modules_apply_in_their_order_and_make_one_message() {
        let ann = ann();
        let (messages, applied) = compose(user(QUESTION), &everything(&ann));
        assert_eq!(
            applied,
            [
                "deep_research",
                "timing",
                "project_instruction",
                "user_profile",
                "memory",
                "tool_instructions",
                "code_assistant",
                "chain_of_thought"
            ]
        );
        assert_eq!((messages.len(), messages[0].role.as_str()), (2, "system"));
        assert_eq!(messages[1], user(QUESTION)[0]);
        let text = messages[0].text();
        let places: Vec<_> = ["23 November 2026", "Speak of ships.", "Ann", "- Lives in Bergen."]
            .iter()
            .map(|part| text.find(part).unwrap())
            .collect();
        assert!(places.is_sorted() && !text.contains("{{"), "{text}");
    }

    #[test]
    fn without_orchestration_only_what_the_user_asked_for_applies() {
        let ann = ann();
        let inputs = PromptInputs { orchestration: Orchestration::default(), ..everything(&ann) };
        let always = ["deep_research", "project_instruction", "user_profile"];
        assert_eq!(compose(user(QUESTION), &inputs).1, always);
        let orchestration = Orchestration { enabled: false, ..ALL };
        assert_eq!(compose(user(QUESTION), &PromptInputs { orchestration, ..inputs }).1, always);
        let orchestration = Orchestration { enabled: true, ..Orchestration::default() };
        let applied = compose(user(QUESTION), &PromptInputs { orchestration, ..inputs }).1;
        assert_eq!(applied, ["deep_research", "timing", "project_instruction", "user_profile"]);
    }

    #[test]
    fn modules_can_be_switched_off() {
        let ann = ann();
        let disabled = ["timing", "user_profile", "chain_of_thought", "no_such_module"];
        let applied = compose(user("Hi"), &PromptInputs { disabled: &disabled, ..everything(&ann) }).1;
        assert_eq!(applied, ["deep_research", "project_instruction", "memory", "tool_instructions"]);
    }

    #[test]
    fn the_operators_templates_come_before_those_built_in() {
        let templates = |key: &str| match key {
            "timing" => Some("{{persona}} knows: {{ date }}, {{unknown}}, {{date"),
            "memory" => Some(""),
            _ => None,
        };
        let inputs = PromptInputs {
            orchestration: ALL,
            date: Some("{{persona}}"),
            persona: Some("Jan"),
            memory: &["x"],
            templates: &templates,
            ..PromptInputs::default()
        };
        let (messages, applied) = compose(user("Hi"), &inputs);
        assert_eq!(applied, ["timing"]);
        assert_eq!(messages[0].text(), "Jan knows: {{persona}}, {{unknown}}, {{date");
    }

    #[test]
    fn the_callers_own_system_text_stays() {
        let inputs = PromptInputs { project_instruction: Some("Speak of ships."), ..PromptInputs::default() };
        let part = Part { kind: "text".into(), text: Some("Own.".into()), ..Part::default() };
        let parts = Message {
            role: "developer".into(),
            content: Some(Content::Parts(vec![part.clone()])),
            ..Message::default()
        };
        for own in
            [Message::new("system", "Own."), parts, Message { role: "system".into(), ..Message::default() }]
        {
            let (messages, _) = compose(vec![own.clone(), Message::new("user", "Hi")], &inputs);
            assert_eq!((messages.len(), &messages[0].role), (2, &own.role));
            let text = messages[0].text();
            assert!(text.contains("Speak of ships.") && text.ends_with(&own.text()), "{text}");
        }
        // A system message in the middle of the conversation stays where it is.
        let middle = vec![Message::new("user", "Hi"), Message::new("system", "Own.")];
        assert_eq!(compose(middle.clone(), &inputs).0[1..], middle);
    }

    proptest! {
        #[test]
        fn any_template_is_filled(template in "([{} a-z]|\\PC){0,60}", value in "([{}a-z]|\\PC){0,10}") {
            prop_assert_eq!(&fill(&template, &[]), &template);
            let filled = fill(&format!("{{{{name}}}}{template}"), &[("name", value.clone())]);
            prop_assert!(filled.starts_with(&value));
        }
    }
}
