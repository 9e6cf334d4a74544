//! The operator's prompt templates. A stored template replaces the built-in template with the same key.

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

/// How long the list of all templates is cached. It is short because another process may change the templates.
const CACHE_TIME: Millis = 5_000;

/// Reads prompt templates: stored ones, and the built-in ones where none is stored. Cheap to clone; clones share a
/// cache.
#[derive(Clone)]
pub struct Templates {
    records: Records<Template>,
    clock: Arc<dyn Clock>,
    cache: Arc<RwLock<Option<Cached>>>,
}

/// When the templates were read, and the templates.
type Cached = (Millis, Arc<ActiveTemplates>);

/// The stored form of a template. The key of its record is the template's key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// The display name.
    pub name: String,
    /// The purpose of the template.
    pub description: Option<String>,
    /// A word for grouping templates, for example `orchestration`.
    pub category: String,
    /// The text; `{{name}}` stands for a variable.
    pub content: String,
    /// The names of the variables in the text.
    pub variables: Vec<String>,
    /// Any members that the operator adds.
    pub metadata: Map<String, Value>,
    /// Whether the template is used.
    pub is_active: bool,
    /// Whether the template is part of the product, and so is protected.
    pub is_system: bool,
    /// The number of the version, from 1.
    pub version: u32,
    /// The time of the last change.
    pub updated_at: Millis,
    /// The user id of the operator who created it.
    pub created_by: Option<String>,
    /// The user id of the operator who changed it last.
    pub updated_by: Option<String>,
}

/// A template as the API returns it to every user: without the user ids of operators.
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

/// The texts of the stored active templates, by key, for [`super::PromptInputs::templates`].
#[derive(Debug, Default)]
pub struct ActiveTemplates(HashMap<String, String>);

impl ActiveTemplates {
    /// The stored text for this key; `None` when the built-in template is to be used.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl Templates {
    /// The templates in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let records = Records::new("prompt_template", store.records.clone());
        Self { records, clock, cache: Arc::default() }
    }

    /// The active template with this key: the stored one, or the built-in one when none is stored.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] when there is none, also for a malformed key, or when it is not active.
    pub async fn active(&self, key: &str) -> Result<TemplateShape> {
        let stored = self.records.find(&system_owner(), key).await?.or_else(|| built_in(key));
        let active = stored.filter(|stored| stored.body.is_active);
        active.map(TemplateShape::from).ok_or_else(|| {
            Error::not_found(format!("There is no template `{key}`.")).with_code("template_not_found")
        })
    }

    /// All stored templates that are active. The list is cached for five seconds, so that most chats need not read the
    /// store.
    ///
    /// # Errors
    /// The store's.
    pub async fn all_active(&self) -> Result<Arc<ActiveTemplates>> {
        let now = self.clock.millis();
        let fresh = |(read_at, templates): &Cached| (now - read_at < CACHE_TIME).then(|| templates.clone());
        let cached = self.cache.read().as_ref().and_then(fresh);
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let stored =
            self.records.all(&system_owner(), None).await?.into_iter().filter(|stored| stored.body.is_active);
        let texts = stored.filter_map(|stored| Some((stored.key?, stored.body.content)));
        let all = Arc::new(ActiveTemplates(texts.collect()));
        *self.cache.write() = Some((now, all.clone()));
        Ok(all)
    }
}

/// The system user that owns the records of templates.
fn system_owner() -> UserId {
    UserId::system("prompt-templates")
}

/// The built-in template of a prompt module, in the stored form.
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

/// The names between `{{` and `}}`, without repetitions.
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
    async fn stored_templates_replace_built_in_ones() {
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
            templates
                .records
                .insert(&system_owner(), &TypedRecord::new(id, 7, template).key(key))
                .await
                .unwrap();
        }
        assert_eq!(templates.active("timing").await.unwrap().content, "It is {{date}}.");
        assert_eq!(templates.active("memory").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(templates.all_active().await.unwrap().get("timing"), None, "the list is cached");
        clock.advance(Duration::from_millis(5_000));
        let all = templates.all_active().await.unwrap();
        assert_eq!((all.get("timing"), all.get("memory")), (Some("It is {{date}}."), None));
    }
}
