//! The prompt modules: for each its position, its built-in template, and the condition under which it applies.

use super::PromptInputs;
use crate::settings::{BaseStyle, ProfileSettings};

/// The names and values of the variables of a template.
type Variables = Vec<(&'static str, String)>;

pub(super) struct Module {
    /// The module's name, which is also the key of its template.
    pub(super) name: &'static str,
    /// The built-in template, used when the operator has stored none.
    pub(super) template: &'static str,
    /// The variables for these inputs and the user's current question; `None` when the module does not apply.
    pub(super) variables: fn(&PromptInputs<'_>, &str) -> Option<Variables>,
}

/// All modules in the order in which they apply. The numbers are the positions in the original server's documentation.
pub(super) const MODULES: [Module; 8] = [
    // -20
    Module {
        name: "deep_research",
        template: "Research the question in depth before you answer. Split it into parts, look for several independent \
                   sources on each, and check them against each other. Then write a structured report: the answer \
                   first, the evidence with its sources after it, and last what stays uncertain. Never invent a source.",
        variables: |inputs, _| inputs.deep_research.then(Vec::new),
    },
    // -15
    Module {
        name: "timing",
        template: "Today is {{date}}.",
        variables: |inputs, _| {
            let date = non_blank(inputs.date?).filter(|_| inputs.orchestration.enabled)?;
            Some(vec![("date", date)])
        },
    },
    // -10
    Module {
        name: "project_instruction",
        template: "{{instruction}}",
        variables: |inputs, _| Some(vec![("instruction", non_blank(inputs.project_instruction?)?)]),
    },
    // 5
    Module { name: "user_profile", template: "{{profile}}", variables: |inputs, _| profile(inputs.profile?) },
    // 10
    Module {
        name: "memory",
        template: "What you remember about the user and their work; use it only where it helps:\n{{memory}}",
        variables: |inputs, _| {
            let on = inputs.orchestration.enabled && inputs.orchestration.memory;
            let lines: Vec<_> = inputs
                .memory
                .iter()
                .filter_map(|item| non_blank(item))
                .map(|item| format!("- {item}"))
                .collect();
            (on && !lines.is_empty()).then(|| vec![("memory", lines.join("\n"))])
        },
    },
    // 20
    Module {
        name: "tool_instructions",
        template: "Use the tools you have when they give a better answer than you know yourself. Call them with \
                   complete and valid arguments, base your answer on what they return, and say so when a tool fails.",
        variables: |inputs, _| {
            (inputs.orchestration.enabled && inputs.orchestration.tools && inputs.tools).then(Vec::new)
        },
    },
    // 30
    Module {
        name: "code_assistant",
        template: "When you write code, make it complete and correct, put it into a fenced block that names its \
                   language, handle errors, and explain only what is not plain from the code.",
        variables: |inputs, question| (templates(inputs) && is_about_code(question)).then(Vec::new),
    },
    // 40
    Module {
        name: "chain_of_thought",
        template: "Think the question through step by step before you answer, check each step, and make the final \
                   answer easy to find.",
        variables: |inputs, question| (templates(inputs) && needs_steps(question)).then(Vec::new),
    },
];

/// The text without surrounding white space; `None` when nothing remains.
fn non_blank(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn templates(inputs: &PromptInputs<'_>) -> bool {
    inputs.orchestration.enabled && inputs.orchestration.templates
}

/// The profile as sentences. Each of its fields is also a variable. `None` when the profile is empty.
fn profile(profile: &ProfileSettings) -> Option<Variables> {
    let style = match profile.base_style {
        BaseStyle::Friendly => "",
        BaseStyle::Concise => "Answer concisely: short, to the point, without preamble.",
        BaseStyle::Professional => "Answer in a professional tone: precise, formal and well structured.",
    };
    let fields = [
        ("base_style", "", style),
        ("nick_name", "Call the user: ", &profile.nick_name),
        ("occupation", "The user's occupation: ", &profile.occupation),
        ("more_about_you", "More about the user: ", &profile.more_about_you),
        ("custom_instructions", "The user's instructions for you: ", &profile.custom_instructions),
    ];
    let lines: Vec<_> =
        fields.iter().filter_map(|(_, label, text)| Some(format!("{label}{}", non_blank(text)?))).collect();
    let mut variables: Variables =
        fields.iter().map(|(name, _, text)| (*name, text.trim().to_owned())).collect();
    variables.push(("profile", lines.join("\n")));
    (!lines.is_empty()).then_some(variables)
}

/// Whether a question is about code: it contains a code block or a word about programming.
fn is_about_code(question: &str) -> bool {
    const WORDS: [&str; 16] = [
        "code",
        "coding",
        "function",
        "compile",
        "compiler",
        "debug",
        "refactor",
        "regex",
        "script",
        "sql",
        "python",
        "javascript",
        "typescript",
        "java",
        "rust",
        "golang",
    ];
    question.contains("```")
        || question
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Whether a question asks for reasoning in several steps.
fn needs_steps(question: &str) -> bool {
    const PHRASES: [&str; 9] = [
        "step by step",
        "step-by-step",
        "explain why",
        "prove ",
        "calculate",
        "solve ",
        "analyze",
        "analyse",
        "compare ",
    ];
    let question = question.to_lowercase();
    PHRASES.iter().any(|phrase| question.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_code_and_questions_with_steps_are_recognised() {
        assert!(is_about_code("Fix this Python script") && is_about_code("```\nx\n```"));
        assert!(!is_about_code("I trust the javanese codex"));
        assert!(needs_steps("Solve x + 1 = 2 Step by Step") && !needs_steps("Hello"));
    }

    #[test]
    fn an_empty_profile_adds_nothing() {
        assert_eq!(profile(&ProfileSettings::default()), None);
        let cook = ProfileSettings { occupation: "Cook".into(), ..ProfileSettings::default() };
        let variables = profile(&cook).unwrap();
        assert_eq!(variables.last(), Some(&("profile", "The user's occupation: Cook".to_owned())));
    }
}
