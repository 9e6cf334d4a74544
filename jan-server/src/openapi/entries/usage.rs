//! Documentation of usage reports.

use jan_llm::usage::Report;

use super::Doc;
use crate::openapi::document::named;
use crate::routes::usage::DailyUsage;

const TAG: &str = "Usage";

const BETWEEN: &[(&str, &str)] = &[
    ("from", "The first day, like 2026-11-01. Default: 30 days up to `to`; at most 366 days."),
    ("to", "The last day, in UTC. Default: today."),
];
const LAST: &[(&str, &str)] = &[("days", "How many days up to today, 1 to 366. Default: 30.")];

pub(crate) static ME: Doc = Doc::new("getUsage", TAG, "Get your usage", "Tokens and requests, by model.")
    .query(BETWEEN)
    .enveloped(200, named::<Report>);

pub(crate) static DAILY: Doc =
    Doc::new("getDailyUsage", TAG, "Get your usage by day", "Days without usage are omitted.")
        .query(LAST)
        .enveloped(200, named::<DailyUsage>);

pub(crate) static OF_PROJECT: Doc = Doc::new(
    "getProjectUsage",
    TAG,
    "Get the usage of one of your projects",
    "Tokens and requests, by model.",
)
.query(BETWEEN)
.enveloped(200, named::<Report>);

pub(crate) mod templates {
    //! Documentation of prompt templates.

    use jan_llm::prompt::TemplateShape;

    use super::{Doc, named};

    pub(crate) static GET: Doc = Doc::new(
        "getPromptTemplate",
        "Prompt templates",
        "Get the active template of a key",
        "Needs no credential. 404 when there is none, or it is disabled.",
    )
    .enveloped(200, named::<TemplateShape>);
}
