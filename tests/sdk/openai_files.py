"""OpenAI's own Python client against /v1/files.

    BASE_URL=… TOKEN=… MODEL=… python openai_files.py

Prints one line for each check; the exit code is 1 if one failed.
"""

import io
import os
import sys
import traceback

import openai

MODEL = os.environ["MODEL"]
client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0, timeout=120
)


def a_file_is_uploaded_read_and_deleted():
    lines = b'{"from": "python"}\n'
    made = client.files.create(file=("train.jsonl", io.BytesIO(lines)), purpose="fine-tune")
    assert made.object == "file" and made.filename == "train.jsonl" and made.purpose == "fine-tune"
    assert made.bytes == len(lines) and made.status == "processed" and made.created_at > 1_600_000_000
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == lines
    assert client.files.wait_for_processing(made.id).id == made.id
    gone = client.files.delete(made.id)
    assert gone.deleted and gone.id == made.id and gone.object == "file"
    try:
        client.files.retrieve(made.id)
    except openai.NotFoundError as error:
        assert error.code == "media_not_found", error.code
    else:
        raise AssertionError("a deleted file still exists")


def two_uploads_are_two_files():
    a = client.files.create(file=("a.txt", b"python twice"), purpose="assistants")
    b = client.files.create(file=("b.txt", b"python twice"), purpose="user_data")
    assert a.id != b.id and b.filename == "b.txt" and b.purpose == "user_data"
    client.files.delete(b.id)
    assert client.files.retrieve(a.id) == a
    assert client.files.content(a.id).read() == b"python twice"
    client.files.delete(a.id)


def files_are_listed():
    made = [
        client.files.create(file=(f"{n}.txt", f"python {n}".encode()), purpose="evals").id for n in range(3)
    ]
    seen = list(client.files.list(purpose="evals", order="asc", limit=2))
    assert [file.id for file in seen] == made, "the client reads all pages"
    for id in made:
        client.files.delete(id)


def a_file_expires_as_requested():
    made = client.files.create(
        file=("a.txt", b"python ends"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert made.expires_at == made.created_at + 3600, made


def a_file_is_named_in_a_chat():
    made = client.files.create(file=("a.pdf", b"%PDF-1.7 python"), purpose="user_data")
    part = {"type": "file", "file": {"file_id": made.id}}
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": [part]}])
    assert answer.choices[0].message.content


def a_wrong_purpose_is_named():
    try:
        client.files.create(file=("a.txt", b"words"), purpose="fun")
    except openai.BadRequestError as error:
        assert error.param == "purpose", error.param
    else:
        raise AssertionError("an unknown purpose was accepted")


failed = 0
for check in (
    a_file_is_uploaded_read_and_deleted,
    two_uploads_are_two_files,
    files_are_listed,
    a_file_expires_as_requested,
    a_file_is_named_in_a_chat,
    a_wrong_purpose_is_named,
):
    try:
        check()
        print(f"ok   {check.__name__}")
    except Exception as error:  # a failed check must not stop the others
        failed += 1
        print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
        traceback.print_exc()
sys.exit(1 if failed else 0)
