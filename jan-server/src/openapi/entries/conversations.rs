//! Documentation of conversations, their items and branches, and of stored chat completions.

use jan_core::chat::Message;
use jan_core::conversation::Item;
use jan_core::{ChatAnswer, ChatChunk};
use jan_llm::chat::Regenerated;
use jan_llm::completions::CompletionPatch;
use jan_llm::conversations::{
    BranchShape, CallReport, ConversationPatch, ConversationShape, EditItem, NewBranch, NewConversation,
    NewItems, Regenerate,
};

use super::{Doc, PAGE};
use crate::http::reply::Deleted;
use crate::openapi::document::named;
use crate::routes::branches::{Activated, BranchList};
use crate::routes::conversations::{BulkDeleteConversations, DeletedCount};
use crate::routes::items::ItemDeleted;

const TAG: &str = "Conversations";

/// The query parameters of the list of conversations.
const LISTING: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen. `cursor` means the same."),
    ("order", "`asc` or `desc` (the default), by the last change."),
    ("project_id", "Only those of this project."),
    ("referrer", "Only those with this referrer."),
];
const ITEMS: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default), by their position."),
    ("branch", "The branch to read. Default: the active one."),
];
const BRANCH: &[(&str, &str)] = &[("branch", "The branch to add to. Default: the active one.")];

pub(crate) static CREATE: Doc = Doc::new(
    "createConversation",
    TAG,
    "Create a conversation",
    "With up to 20 items and 16 pairs of metadata. A title given here is kept; without one it is made from the messages.",
)
.body(named::<NewConversation>)
.example(r#"{"title": "Lisbon", "metadata": {"topic": "travel"}, "items": [{"type": "message", "role": "user", "content": "Hello!"}]}"#)
.json(200, named::<ConversationShape>);

pub(crate) static LIST: Doc =
    Doc::new("listConversations", TAG, "List your conversations", "Ordered by their last change.")
        .query(LISTING)
        .list(named::<ConversationShape>);

pub(crate) static DELETE_ALL: Doc =
    Doc::new("deleteConversations", TAG, "Delete all your conversations", "Their shares are revoked.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static BULK_DELETE: Doc = Doc::new(
    "bulkDeleteConversations",
    TAG,
    "Delete some of your conversations",
    "1 to 100 of them; ids that are not yours are ignored.",
)
.body(named::<BulkDeleteConversations>)
.example(r#"{"conversation_ids": ["conv_0123456789abcdef"]}"#)
.enveloped(200, named::<DeletedCount>);

pub(crate) static GET: Doc = Doc::new("getConversation", TAG, "Get one conversation", "Without its items.")
    .json(200, named::<ConversationShape>);

const UPDATE_TEXT: &str = "Metadata is replaced whole; an empty `referrer` or `project_id` is removed; a title set here \
                            is kept.";

pub(crate) static UPDATE: Doc = Doc::new("updateConversation", TAG, "Change a conversation", UPDATE_TEXT)
    .body(named::<ConversationPatch>)
    .example(r#"{"title": "Porto", "metadata": {"topic": "travel"}}"#)
    .json(200, named::<ConversationShape>);

pub(crate) static PATCH: Doc = Doc::new("patchConversation", TAG, "Change a conversation", UPDATE_TEXT)
    .body(named::<ConversationPatch>)
    .example(r#"{"title": "Porto", "metadata": {"topic": "travel"}}"#)
    .json(200, named::<ConversationShape>);

pub(crate) static DELETE: Doc =
    Doc::new("deleteConversation", TAG, "Delete a conversation", "Its shares are revoked.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static ITEMS_CREATE: Doc = Doc::new(
    "createConversationItems",
    TAG,
    "Add items",
    "1 to 20, added together at the end of a branch. Every member is stored and returned as it was sent, known here or not.",
)
.query(BRANCH)
.body(named::<NewItems>)
.example(r#"{"items": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello!"}]}]}"#)
.list(named::<Item>);

pub(crate) static ITEMS_LIST: Doc =
    Doc::new("listConversationItems", TAG, "List items", "The items of one branch.")
        .query(ITEMS)
        .list(named::<Item>);

pub(crate) static ITEMS_GET: Doc =
    Doc::new("getConversationItem", TAG, "Get one item", "On any branch.").json(200, named::<Item>);

pub(crate) static ITEMS_DELETE: Doc = Doc::new(
    "deleteConversationItem",
    TAG,
    "Delete one item",
    "Other items stay. The reply is the conversation.",
)
.json(200, named::<ItemDeleted>);

pub(crate) static ITEMS_BY_CALL: Doc = Doc::new(
    "getConversationItemByCallId",
    TAG,
    "Get the item with a tool call",
    "The newest one of this `call_id`.",
)
.json(200, named::<Item>);

pub(crate) static ITEMS_REPORT: Doc = Doc::new(
    "updateConversationItemByCallId",
    TAG,
    "Set the outcome of a tool call",
    "Status, output, error. The model gets it in the next turn.",
)
.body(named::<CallReport>)
.example(r#"{"status": "completed", "output": "42"}"#)
.json(200, named::<Item>);

pub(crate) static BRANCHES_LIST: Doc =
    Doc::new("listBranches", TAG, "List branches", "All branches, and the name of the active one.")
        .json(200, named::<BranchList>);

pub(crate) static BRANCHES_CREATE: Doc = Doc::new(
    "createBranch",
    TAG,
    "Create a branch",
    "It contains the items of its parent, up to and including `fork_from_item_id`.",
)
.body(named::<NewBranch>)
.example(r#"{"name": "draft", "description": "Another way to say it."}"#)
.json(201, named::<BranchShape>);

pub(crate) static BRANCHES_GET: Doc =
    Doc::new("getBranch", TAG, "Get one branch", "By its name.").json(200, named::<BranchShape>);

pub(crate) static BRANCHES_DELETE: Doc = Doc::new(
    "deleteBranch",
    TAG,
    "Delete a branch",
    "Items that other branches share with it stay. MAIN and the active branch cannot be deleted.",
);

pub(crate) static BRANCHES_ACTIVATE: Doc =
    Doc::new("activateBranch", TAG, "Make a branch the active one", "New items go there.")
        .json(200, named::<Activated>);

const EDIT_TEXT: &str = "The new text is stored on a new branch with the name of the active one; the old branch is kept under \
                          the name in `old_main_backup`. With `regenerate` the model answers at once, and the parameters of a \
                          chat apply (`model`, `temperature`, `stream` and all others); if it fails, nothing is changed.";

pub(crate) static ITEMS_EDIT: Doc = Doc::new("editConversationItem", TAG, "Reword a message", EDIT_TEXT)
    .body(named::<EditItem>)
    .example(r#"{"content": "Hello again!"}"#)
    .json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

pub(crate) static ITEMS_PUT: Doc = Doc::new("putConversationItemEdit", TAG, "Reword a message", EDIT_TEXT)
    .body(named::<EditItem>)
    .example(r#"{"content": "Hello again!"}"#)
    .json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

pub(crate) static ITEMS_REGENERATE: Doc = Doc::new(
    "regenerateConversationItem",
    TAG,
    "Get another answer",
    "To the user's message that this item is or answers. A new branch that ends with this message gets the name of the \
     active one; the old branch is kept. No model is called: the next chat adds the answer. With `stream: true` or \
     `answer: true` the answer is part of this reply. Then the parameters of a chat apply (`model`, `temperature`, \
     `max_tokens`, …); the default `model` is the one that answered before; if it fails, nothing is changed.",
)
.body(named::<Regenerate>)
.example(r#"{"model": "$first-model"}"#)
.json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

const CHAT_TAG: &str = "Chat";

const COMPLETIONS: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` (the default) or `desc`, by the time of creation."),
    ("model", "Only those of this model."),
    ("metadata[KEY]", "Only those with this metadata pair."),
];

pub(crate) static COMPLETIONS_LIST: Doc = Doc::new(
    "listChatCompletions",
    CHAT_TAG,
    "List stored chat completions",
    "Those requested with `store: true`.",
)
.query(COMPLETIONS)
.list(named::<ChatAnswer>);

pub(crate) static COMPLETIONS_GET: Doc = Doc::new(
    "getChatCompletion",
    CHAT_TAG,
    "Get a stored chat completion",
    "As it was returned, with its metadata.",
)
.json(200, named::<ChatAnswer>);

pub(crate) static COMPLETIONS_UPDATE: Doc = Doc::new(
    "updateChatCompletion",
    CHAT_TAG,
    "Change a stored chat completion's metadata",
    "It is replaced whole.",
)
.body(named::<CompletionPatch>)
.example(r#"{"metadata": {"topic": "travel"}}"#)
.json(200, named::<ChatAnswer>);

pub(crate) static COMPLETIONS_DELETE: Doc =
    Doc::new("deleteChatCompletion", CHAT_TAG, "Delete a stored chat completion", "Permanently.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static COMPLETIONS_MESSAGES: Doc = Doc::new(
    "getChatCompletionMessages",
    CHAT_TAG,
    "Get the messages of the request",
    "The messages to which a stored chat completion is the answer.",
)
.query(PAGE)
.list(named::<Message>);

pub(crate) mod projects {
    //! Documentation of projects.

    use jan_llm::projects::{NewProject, ProjectPatch, ProjectShape};

    use super::*;

    const TAG: &str = "Projects";

    pub(crate) static LIST: Doc =
        Doc::new("listProjects", TAG, "List your projects", "Ordered by the time of creation.")
            .query(PAGE)
            .enveloped_list(named::<ProjectShape>);

    pub(crate) static CREATE: Doc =
        Doc::new("createProject", TAG, "Create a project", "Each of your projects has a different name.")
            .body(named::<NewProject>)
            .example(r#"{"name": "Travel", "instruction": "Answer in one sentence."}"#)
            .enveloped(201, named::<ProjectShape>);

    pub(crate) static GET: Doc = Doc::new("getProject", TAG, "Get one project", "With its instruction.")
        .enveloped(200, named::<ProjectShape>);

    pub(crate) static UPDATE: Doc =
        Doc::new("updateProject", TAG, "Change a project", "Members that are not sent stay as they are.")
            .body(named::<ProjectPatch>)
            .example(r#"{"instruction": "Answer in two sentences.", "is_favorite": true}"#)
            .enveloped(200, named::<ProjectShape>);

    pub(crate) static DELETE: Doc = Doc::new(
        "deleteProject",
        TAG,
        "Delete a project",
        "Its conversations stay and belong to no project.",
    )
    .enveloped(200, named::<Deleted<'static>>);

    pub(crate) static CONVERSATIONS: Doc = Doc::new(
        "listProjectConversations",
        TAG,
        "List a project's conversations",
        "Ordered by their last change.",
    )
    .query(PAGE)
    .list(named::<ConversationShape>);
}
