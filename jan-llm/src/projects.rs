//! Projects: groups of conversations, with an instruction that is part of the system prompt in all of them.

use std::sync::Arc;

use jan_core::clock::seconds;
use jan_core::page::{Page, PageRequest};
use jan_core::record::{Millis, Records, TypedRecord};
use jan_core::{Clock, Error, ErrorKind, JsonObject, Result, UserId, id};
use serde::{Deserialize, Serialize};

use crate::store::Store;

const MAX_NAME: usize = 120;
const MAX_INSTRUCTION: usize = 32_768;

/// The project service. Cheap to clone.
#[derive(Clone)]
pub struct Projects {
    records: Records<Project>,
    conversations: Arc<dyn jan_core::ConversationStore>,
    clock: Arc<dyn Clock>,
}

/// The stored form of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The name, unique among the owner's projects.
    pub name: String,
    /// The instruction for the model in the project's conversations.
    #[serde(default)]
    pub instruction: Option<String>,
    /// Whether its owner marked it as a favorite.
    #[serde(default)]
    pub is_favorite: bool,
    /// When it was archived; `None` when it is not archived.
    #[serde(default)]
    pub archived_at: Option<Millis>,
    /// The time of its last change.
    pub updated_at: Millis,
}

/// The members of a new project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewProject {
    /// 1 to 120 characters; no two projects of one owner have the same name.
    pub name: String,
    /// The instruction for the model in the project's conversations: up to 32,768 characters.
    pub instruction: Option<String>,
}

/// The members to change; absent members stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectPatch {
    /// 1 to 120 characters; no two projects of one owner have the same name.
    pub name: Option<String>,
    /// The instruction for the model in the project's conversations: up to 32,768 characters. An empty text removes it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub instruction: Option<Option<String>>,
    /// Whether the project is archived.
    pub is_archived: Option<bool>,
    /// Whether the project is marked as a favorite.
    pub is_favorite: Option<bool>,
}

impl TryFrom<&JsonObject> for NewProject {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { name: body.required("name")?, instruction: body.get("instruction")? })
    }
}

impl TryFrom<&JsonObject> for ProjectPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            name: body.get("name")?,
            instruction: body.removable("instruction")?,
            is_archived: body.get("is_archived")?,
            is_favorite: body.get("is_favorite")?,
        })
    }
}

/// A project as the API returns it. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Project))]
pub struct ProjectShape {
    #[cfg_attr(feature = "openapi", schema(example = "proj_0123456789abcdef"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(example = "project"))]
    object: &'static str,
    name: String,
    instruction: Option<String>,
    is_favorite: bool,
    is_archived: bool,
    archived_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl ProjectShape {
    /// The project's id, which is also the cursor of lists.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<TypedRecord<Project>> for ProjectShape {
    fn from(TypedRecord { id, created_at, body, .. }: TypedRecord<Project>) -> Self {
        Self {
            id,
            object: "project",
            name: body.name,
            instruction: body.instruction,
            is_favorite: body.is_favorite,
            is_archived: body.archived_at.is_some(),
            archived_at: body.archived_at.map(seconds),
            created_at: seconds(created_at),
            updated_at: seconds(body.updated_at),
        }
    }
}

impl Projects {
    /// The projects in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let records = Records::new("project", store.records.clone());
        Self { records, conversations: store.conversations.clone(), clock }
    }

    /// Creates a project.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the member; [`ErrorKind::Conflict`] when the owner has a project with this name.
    pub async fn create(&self, owner: &UserId, new: NewProject) -> Result<TypedRecord<Project>> {
        let now = self.clock.millis();
        let (name, instruction) = (name(&new.name)?, instruction(new.instruction)?);
        let project = Project { name: name.clone(), instruction, updated_at: now, ..Project::default() };
        let record = TypedRecord::new(id::short("proj_"), now, project).key(name);
        self.records.insert(owner, &record).await.map_err(taken)?;
        Ok(record)
    }

    /// A page of the owner's projects, by creation time.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub async fn list(&self, owner: &UserId, page: &PageRequest) -> Result<Page<TypedRecord<Project>>> {
        self.records.list(owner, None, page).await
    }

    /// How many projects the owner has.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(&self, owner: &UserId) -> Result<u64> {
        self.records.count(owner, None).await
    }

    /// The project with this id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<TypedRecord<Project>> {
        self.records.get(owner, id).await?.ok_or_else(|| not_found(id))
    }

    /// The owner's project with this name, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn named(&self, owner: &UserId, name: &str) -> Result<Option<TypedRecord<Project>>> {
        self.records.find(owner, name.trim()).await
    }

    /// Changes the members that the patch contains.
    ///
    /// # Errors
    /// As [`Projects::create`] and [`Projects::get`].
    pub async fn update(
        &self,
        owner: &UserId,
        id: &str,
        patch: ProjectPatch,
    ) -> Result<TypedRecord<Project>> {
        let name = patch.name.as_deref().map(name).transpose()?;
        let instruction = patch.instruction.map(instruction).transpose()?;
        let now = self.clock.millis();
        let change = |project: &mut TypedRecord<Project>| {
            if let Some(name) = &name {
                project.key = Some(name.clone());
                project.body.name.clone_from(name);
            }
            if let Some(instruction) = &instruction {
                project.body.instruction.clone_from(instruction);
            }
            if let Some(archived) = patch.is_archived {
                project.body.archived_at = archived.then(|| project.body.archived_at.unwrap_or(now));
            }
            project.body.is_favorite = patch.is_favorite.unwrap_or(project.body.is_favorite);
            project.body.updated_at = now;
            Ok(())
        };
        self.records.update(owner, id, change).await.map_err(|error| match error.kind() {
            ErrorKind::Conflict => taken(error),
            ErrorKind::NotFound => not_found(id),
            _ => error,
        })
    }

    /// Deletes a project. Its conversations stay and then belong to no project.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<()> {
        if !self.records.delete(owner, id).await? {
            return Err(not_found(id));
        }
        self.conversations.leave_project(owner, id).await.map(drop)
    }
}

fn name(name: &str) -> Result<String> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.contains('\0') {
        return Err(Error::invalid("name", format!("`name` must have 1 to {MAX_NAME} characters.")));
    }
    Ok(name)
}

/// Checks an instruction; a blank one becomes `None`.
fn instruction(text: Option<String>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().count() > MAX_INSTRUCTION {
        let message = format!("`instruction` must have at most {MAX_INSTRUCTION} characters.");
        return Err(Error::invalid("instruction", message));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn taken(error: Error) -> Error {
    if error.kind() != ErrorKind::Conflict {
        return error;
    }
    let message = "You have a project of this name already.";
    Error::new(ErrorKind::Conflict, message).with_code("project_exists").with_param("name").because(error)
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no project `{id}`.")).with_code("project_not_found")
}
