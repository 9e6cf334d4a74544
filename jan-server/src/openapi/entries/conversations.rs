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
    ("referrer", "Only those that came from here."),
];
const ITEMS: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default), by their place."),
    ("branch", "The branch to read; the active one unless named."),
];
const BRANCH: &[(&str, &str)] = &[("branch", "The branch to add to; the active one unless named.")];

pub(crate) static CREATE: Doc = Doc::new(
    "createConversation",
    TAG,
    "Make a conversation",
    "With up to 20 items and 16 pairs of metadata. A title given here stays; without one it is made from what is said.",
)
.body(named::<NewConversation>)
.example(r#"{"title": "Lisbon", "metadata": {"topic": "travel"}, "items": [{"type": "message", "role": "user", "content": "Hello!"}]}"#)
.json(200, named::<ConversationShape>);

pub(crate) static LIST: Doc =
    Doc::new("listConversations", TAG, "List your conversations", "By their last change.")
        .query(LISTING)
        .list(named::<ConversationShape>);

pub(crate) static DELETE_ALL: Doc =
    Doc::new("deleteConversations", TAG, "Delete all your conversations", "Their shares are taken back.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static BULK_DELETE: Doc = Doc::new(
    "bulkDeleteConversations",
    TAG,
    "Delete some of your conversations",
    "1 to 100 of them; ids that are not yours are passed over.",
)
.body(named::<BulkDeleteConversations>)
.example(r#"{"conversation_ids": ["conv_0123456789abcdef"]}"#)
.enveloped(200, named::<DeletedCount>);

pub(crate) static GET: Doc = Doc::new("getConversation", TAG, "Get one conversation", "Without its items.")
    .json(200, named::<ConversationShape>);

const UPDATE_WORDS: &str = "Metadata is replaced whole; an empty `referrer` or `project_id` is taken away; a title set here \
                            stays.";

pub(crate) static UPDATE: Doc = Doc::new("updateConversation", TAG, "Change a conversation", UPDATE_WORDS)
    .body(named::<ConversationPatch>)
    .example(r#"{"title": "Porto", "metadata": {"topic": "travel"}}"#)
    .json(200, named::<ConversationShape>);

pub(crate) static PATCH: Doc = Doc::new("patchConversation", TAG, "Change a conversation", UPDATE_WORDS)
    .body(named::<ConversationPatch>)
    .example(r#"{"title": "Porto", "metadata": {"topic": "travel"}}"#)
    .json(200, named::<ConversationShape>);

pub(crate) static DELETE: Doc =
    Doc::new("deleteConversation", TAG, "Delete a conversation", "Its shares are taken back.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static ITEMS_CREATE: Doc = Doc::new(
    "createConversationItems",
    TAG,
    "Add items",
    "1 to 20, kept in one piece at the end of a branch. Every member comes back as it was given, known here or not.",
)
.query(BRANCH)
.body(named::<NewItems>)
.example(r#"{"items": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello!"}]}]}"#)
.list(named::<Item>);

pub(crate) static ITEMS_LIST: Doc =
    Doc::new("listConversationItems", TAG, "List items", "Of one branch.").query(ITEMS).list(named::<Item>);

pub(crate) static ITEMS_GET: Doc =
    Doc::new("getConversationItem", TAG, "Get one item", "Whichever branch it stands on.")
        .json(200, named::<Item>);

pub(crate) static ITEMS_DELETE: Doc = Doc::new(
    "deleteConversationItem",
    TAG,
    "Delete one item",
    "Those before and after it stay. Answers with the conversation.",
)
.json(200, named::<ItemDeleted>);

pub(crate) static ITEMS_BY_CALL: Doc = Doc::new(
    "getConversationItemByCallId",
    TAG,
    "Get the item that makes a call",
    "The newest one of this `call_id`.",
)
.json(200, named::<Item>);

pub(crate) static ITEMS_REPORT: Doc = Doc::new(
    "updateConversationItemByCallId",
    TAG,
    "Say how a call went",
    "Status, output, error. The model is told in the next turn.",
)
.body(named::<CallReport>)
.example(r#"{"status": "completed", "output": "42"}"#)
.json(200, named::<Item>);

pub(crate) static BRANCHES_LIST: Doc =
    Doc::new("listBranches", TAG, "List branches", "And say which is active.").json(200, named::<BranchList>);

pub(crate) static BRANCHES_CREATE: Doc = Doc::new(
    "createBranch",
    TAG,
    "Make a branch",
    "It shows what its parent shows, up to and with `fork_from_item_id`.",
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
    "What other branches share with it stays. Not MAIN, not the active one.",
);

pub(crate) static BRANCHES_ACTIVATE: Doc =
    Doc::new("activateBranch", TAG, "Make a branch the active one", "New items go there.")
        .json(200, named::<Activated>);

const EDIT_WORDS: &str = "The new wording stands on a branch that takes the active one's name; the old one is kept under the \
                          name in `old_main_backup`. With `regenerate` the model answers at once (`model`, `temperature`, \
                          `stream` and all other parameters of a chat count); when it fails, nothing is changed.";

pub(crate) static ITEMS_EDIT: Doc = Doc::new("editConversationItem", TAG, "Reword a message", EDIT_WORDS)
    .body(named::<EditItem>)
    .example(r#"{"content": "Hello again!"}"#)
    .json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

pub(crate) static ITEMS_PUT: Doc = Doc::new("putConversationItemEdit", TAG, "Reword a message", EDIT_WORDS)
    .body(named::<EditItem>)
    .example(r#"{"content": "Hello again!"}"#)
    .json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

pub(crate) static ITEMS_REGENERATE: Doc = Doc::new(
    "regenerateConversationItem",
    TAG,
    "Ask for another answer",
    "To the user's message that this item is or answers. A branch that ends with it takes the active one's name; the old \
     one is kept. No model is asked: the chat that is sent next adds the answer. With `stream: true` or `answer: true` it \
     is answered here. Then every parameter of a chat counts (`model`, `temperature`, `max_tokens`, …); without `model` \
     the one that answered before is asked; when it fails, nothing is changed.",
)
.body(named::<Regenerate>)
.example(r#"{"model": "$first-model"}"#)
.json_or_events(200, named::<Regenerated>, named::<ChatChunk>);

const KEPT: &str = "Chat";

const COMPLETIONS: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` (the default) or `desc`, by their making."),
    ("model", "Only those of this model."),
    ("metadata[KEY]", "Only those with this pair."),
];

pub(crate) static COMPLETIONS_LIST: Doc = Doc::new(
    "listChatCompletions",
    KEPT,
    "List kept chat completions",
    "Those asked for with `store: true`.",
)
.query(COMPLETIONS)
.list(named::<ChatAnswer>);

pub(crate) static COMPLETIONS_GET: Doc = Doc::new(
    "getChatCompletion",
    KEPT,
    "Get a kept chat completion",
    "As its caller got it, with its metadata.",
)
.json(200, named::<ChatAnswer>);

pub(crate) static COMPLETIONS_UPDATE: Doc = Doc::new(
    "updateChatCompletion",
    KEPT,
    "Change a kept chat completion's metadata",
    "It is replaced whole.",
)
.body(named::<CompletionPatch>)
.example(r#"{"metadata": {"topic": "travel"}}"#)
.json(200, named::<ChatAnswer>);

pub(crate) static COMPLETIONS_DELETE: Doc =
    Doc::new("deleteChatCompletion", KEPT, "Delete a kept chat completion", "For good.")
        .json(200, named::<Deleted<'static>>);

pub(crate) static COMPLETIONS_MESSAGES: Doc = Doc::new(
    "getChatCompletionMessages",
    KEPT,
    "Get what was asked",
    "The messages of a kept chat completion.",
)
.query(PAGE)
.list(named::<Message>);

pub(crate) mod projects {
    //! Documentation of projects.

    use jan_llm::projects::{NewProject, ProjectPatch, ProjectShape};

    use super::*;

    const TAG: &str = "Projects";

    pub(crate) static LIST: Doc = Doc::new("listProjects", TAG, "List your projects", "By their making.")
        .query(PAGE)
        .enveloped_list(named::<ProjectShape>);

    pub(crate) static CREATE: Doc =
        Doc::new("createProject", TAG, "Make a project", "No two of yours have one name.")
            .body(named::<NewProject>)
            .example(r#"{"name": "Travel", "instruction": "Answer in one sentence."}"#)
            .enveloped(201, named::<ProjectShape>);

    pub(crate) static GET: Doc = Doc::new("getProject", TAG, "Get one project", "With its instruction.")
        .enveloped(200, named::<ProjectShape>);

    pub(crate) static UPDATE: Doc =
        Doc::new("updateProject", TAG, "Change a project", "What is not named stays.")
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

    pub(crate) static CONVERSATIONS: Doc =
        Doc::new("listProjectConversations", TAG, "List a project's conversations", "By their last change.")
            .query(PAGE)
            .list(named::<ConversationShape>);
}
