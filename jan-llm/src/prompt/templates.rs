//! Prompt templates as operators keep them: a text for each key, in the place of the one built in.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

use jan_core::clock::seconds;
use jan_core::record::{Millis, Records, TypedRecord};
use jan_core::{Clock, Error, Result, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::modules::MODULES;
use crate::store::Store;

/// How long the list of all templates is believed: another process may change them.
const FRESH: Millis = 5_000;

/// Gives prompt templates: those kept, and those built in where none is. Cheap to clone; clones remember together.
#[derive(Clone)]
pub struct Templates {
    records: Records<Template>,
    clock: Arc<dyn Clock>,
    remembered: Arc<RwLock<Option<Remembered>>>,
}

/// The templates as they were read at a time.
type Remembered = (Millis, Arc<ActiveTemplates>);

/// A template as it is kept. Its record's key is the template's key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What kind of text it is.
    pub category: String,
    /// The text; `{{name}}` stands for a variable.
    pub content: String,
    /// The names of its variables.
    pub variables: Vec<String>,
    /// The operator's own members.
    pub metadata: Map<String, Value>,
    /// Whether it is used.
    pub is_active: bool,
    /// Whether it belongs to the product, and is protected.
    pub is_system: bool,
    /// Counts its changes, from 1.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: Millis,
    /// The operator who made it.
    pub created_by: Option<String>,
    /// The operator who changed it last.
    pub updated_by: Option<String>,
}

/// A template as everybody may see it: without the operators' names.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PromptTemplate))]
pub struct TemplateShape {
    #[cfg_attr(feature = "openapi", schema(example = "pt_timing"))]
    id: String,
    public_id: String,
    name: String,
    description: Option<String>,
    category: String,
    #[cfg_attr(feature = "openapi", schema(example = "timing"))]
    template_key: String,
    /// `{{name}}` stands for a variable.
    content: String,
    variables: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    metadata: Map<String, Value>,
    is_active: bool,
    is_system: bool,
    version: u32,
    /// Seconds since the Unix epoch.
    created_at: i64,
    updated_at: i64,
}

/// The texts of the active templates that are kept, by key: what [`super::PromptInputs::templates`] looks up.
#[derive(Debug, Default)]
pub struct ActiveTemplates(HashMap<String, String>);

impl ActiveTemplates {
    /// The text of this key; none where the one built in counts.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl Templates {
    /// The templates in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let records = Records::new("prompt_template", store.records.clone());
        Self { records, clock, remembered: Arc::default() }
    }

    /// The active template of this key: the one that is kept, or the one built in when none is.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] when there is none, whatever the key looks like, or it is switched off.
    pub async fn active(&self, key: &str) -> Result<TemplateShape> {
        let kept = self.records.find(&house(), key).await?.or_else(|| built_in(key));
        let active = kept.filter(|kept| kept.body.is_active);
        active.map(TemplateShape::from).ok_or_else(|| {
            Error::not_found(format!("There is no template `{key}`.")).with_code("template_not_found")
        })
    }

    /// All active templates that are kept; at most five seconds old, so that chats need not wait for a store.
    ///
    /// # Errors
    /// The store's.
    pub async fn all_active(&self) -> Result<Arc<ActiveTemplates>> {
        let now = self.clock.millis();
        let fresh = |(at, known): &Remembered| (now - at < FRESH).then(|| known.clone());
        let known = self.remembered.read().as_ref().and_then(fresh);
        if let Some(known) = known {
            return Ok(known);
        }
        let kept = self.records.all(&house(), None).await?.into_iter().filter(|kept| kept.body.is_active);
        let texts = kept.filter_map(|kept| Some((kept.key?, kept.body.content)));
        let all = Arc::new(ActiveTemplates(texts.collect()));
        *self.remembered.write() = Some((now, all.clone()));
        Ok(all)
    }
}

/// Whose the templates are.
fn house() -> UserId {
    UserId::system("prompt-templates")
}

/// The template of a prompt module, as if it were kept.
fn built_in(key: &str) -> Option<TypedRecord<Template>> {
    let module = MODULES.iter().find(|module| module.name == key)?;
    let template = Template {
        name: module.name.replace('_', " "),
        category: "orchestration".to_owned(),
        content: module.template.to_owned(),
        variables: variables(module.template),
        is_active: true,
        is_system: true,
        version: 1,
        ..Template::default()
    };
    Some(TypedRecord::new(format!("pt_{key}"), 0, template).key(key))
}

/// The names between `{{` and `}}`, each once.
fn variables(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in text.split("{{").skip(1) {
        let name = part.split_once("}}").map_or("", |(name, _)| name.trim());
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

impl From<TypedRecord<Template>> for TemplateShape {
    fn from(from: TypedRecord<Template>) -> Self {
        let TypedRecord { id, key, created_at, body, .. } = from;
        Self {
            public_id: id.clone(),
            id,
            name: body.name,
            description: body.description,
            category: body.category,
            template_key: key.unwrap_or_default(),
            content: body.content,
            variables: body.variables,
            metadata: body.metadata,
            is_active: body.is_active,
            is_system: body.is_system,
            version: body.version,
            created_at: seconds(created_at),
            updated_at: seconds(body.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jan_core::ErrorKind;
    use jan_core::clock::MovedClock;
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_kept_goes_before_what_is_built_in() {
        let (store, clock) = (crate::store::memory_store(), MovedClock::at(100));
        let templates = Templates::new(&store, Arc::new(clock.clone()));
        let timing = templates.active("timing").await.unwrap();
        assert_eq!(
            (timing.content.as_str(), timing.variables.as_slice()),
            ("Today is {{date}}.", &["date".to_owned()][..])
        );
        assert!(timing.is_system && timing.is_active && timing.template_key == "timing");
        for module in &MODULES {
            assert!(templates.active(module.name).await.is_ok(), "{}", module.name);
        }
        for (key, kind) in
            [("nope", ErrorKind::NotFound), ("", ErrorKind::NotFound), ("a-b", ErrorKind::NotFound)]
        {
            assert_eq!(templates.active(key).await.unwrap_err().kind(), kind);
        }
        assert_eq!(templates.all_active().await.unwrap().get("timing"), None);

        let own =
            |content: &str, is_active| Template { content: content.into(), is_active, ..Template::default() };
        for (id, key, template) in
            [("pt_1", "timing", own("It is {{date}}.", true)), ("pt_2", "memory", own("", false))]
        {
            templates.records.insert(&house(), &TypedRecord::new(id, 7, template).key(key)).await.unwrap();
        }
        assert_eq!(templates.active("timing").await.unwrap().content, "It is {{date}}.");
        assert_eq!(templates.active("memory").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(templates.all_active().await.unwrap().get("timing"), None, "believed for a while");
        clock.advance(Duration::from_millis(5_000));
        let all = templates.all_active().await.unwrap();
        assert_eq!((all.get("timing"), all.get("memory")), (Some("It is {{date}}."), None));
    }
}
