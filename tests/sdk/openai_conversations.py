"""OpenAI's own Python client against /v1/conversations, its items, and stored chat completions.

    BASE_URL=… TOKEN=… MODEL=… python openai_conversations.py

Prints one line for each check; the exit code is 1 if one failed.
"""

import os
import sys
import traceback

import openai

MODEL = os.environ["MODEL"]
client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0, timeout=120
)


def a_conversation_is_created_changed_and_deleted():
    made = client.conversations.create(
        metadata={"topic": "demo"}, items=[{"type": "message", "role": "user", "content": "Hello!"}]
    )
    assert made.object == "conversation" and made.id.startswith("conv_") and made.created_at > 1_600_000_000
    assert made.metadata == {"topic": "demo"}
    assert client.conversations.retrieve(made.id).id == made.id
    changed = client.conversations.update(made.id, metadata={"topic": "rivers"})
    assert changed.metadata == {"topic": "rivers"}
    gone = client.conversations.delete(made.id)
    assert gone.deleted and gone.object == "conversation.deleted"
    try:
        client.conversations.retrieve(made.id)
    except openai.NotFoundError as error:
        assert error.code == "conversation_not_found", error.code
    else:
        raise AssertionError("a deleted conversation still exists")


def items_are_added_listed_and_deleted():
    made = client.conversations.create()
    added = client.conversations.items.create(
        made.id,
        items=[
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
            {"type": "message", "role": "assistant", "content": "Sunny."},
        ],
    )
    assert [item.type for item in added.data] == ["message", "function_call", "function_call_output", "message"]
    seen = list(client.conversations.items.list(made.id, order="asc", limit=3))
    assert len(seen) == 4, "the client reads all pages"
    assert seen[0].content[0].type == "input_text" and seen[0].content[0].text == "Weather?"
    assert seen[3].content[0].type == "output_text" and seen[3].content[0].annotations == []
    assert seen[1].call_id == seen[2].call_id == "call_1"
    one = client.conversations.items.retrieve(seen[0].id, conversation_id=made.id)
    assert one.id == seen[0].id and one.role == "user" and one.status == "completed"
    conversation = client.conversations.items.delete(seen[0].id, conversation_id=made.id)
    assert conversation.id == made.id
    assert len(list(client.conversations.items.list(made.id))) == 3


def a_chat_is_stored_in_a_conversation():
    made = client.conversations.create()
    options = {"model": MODEL, "max_tokens": 12, "extra_body": {"conversation": made.id}}
    client.chat.completions.create(messages=[{"role": "user", "content": "One."}], **options)
    for chunk in client.chat.completions.create(
        messages=[{"role": "user", "content": "Two."}], stream=True, **options
    ):
        assert chunk.object == "chat.completion.chunk"
    items = list(client.conversations.items.list(made.id, order="asc"))
    assert [item.role for item in items] == ["user", "assistant", "user", "assistant"]


def completions_are_stored():
    made = client.chat.completions.create(
        model=MODEL, store=True, metadata={"n": "1"}, max_tokens=12, messages=[{"role": "user", "content": "Hi"}]
    )
    assert client.chat.completions.retrieve(made.id).choices[0].message == made.choices[0].message
    assert made.id in [kept.id for kept in client.chat.completions.list(metadata={"n": "1"})]
    assert [message.content for message in client.chat.completions.messages.list(made.id)] == ["Hi"]
    assert client.chat.completions.update(made.id, metadata={"n": "2"}).metadata == {"n": "2"}
    assert client.chat.completions.delete(made.id).deleted


def violated_limits_are_named():
    try:
        client.conversations.create(metadata={f"k{i}": "v" for i in range(17)})
    except openai.BadRequestError as error:
        assert error.param == "metadata", error.param
    else:
        raise AssertionError("17 pairs were accepted")


failed = 0
for check in (
    a_conversation_is_created_changed_and_deleted,
    items_are_added_listed_and_deleted,
    a_chat_is_stored_in_a_conversation,
    completions_are_stored,
    violated_limits_are_named,
):
    try:
        check()
        print(f"ok   {check.__name__}")
    except Exception as error:  # a failed check must not stop the others
        failed += 1
        print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
        traceback.print_exc()
sys.exit(1 if failed else 0)
