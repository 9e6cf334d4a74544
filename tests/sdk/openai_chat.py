"""OpenAI's own Python client against a server: what it accepts is what "OpenAI-compatible" means.

    python openai_chat.py [BASE_URL TOKEN MODEL]

Arguments or environment: BASE_URL (with /v1), TOKEN, MODEL. Models with faults are optional, and a check without its
model is skipped: MODEL_EMBED, MODEL_EXTRA (answers with reasoning_content), MODEL_429, MODEL_500 (a broken upstream, shown
as STATUS_500, by default 502), MODEL_BREAKS (the stream breaks off in the middle). UNKNOWN_REFUSED=0 for a server that
accepts any model name. Prints one line for each check; the exit code is 1 if one failed.
"""

import base64
import json
import os
import struct
import sys
import traceback

import openai


def argument(place, name):
    value = sys.argv[place] if len(sys.argv) > place else os.environ.get(name, "")
    return value or sys.exit(f"{name} is missing: give BASE_URL TOKEN MODEL as arguments or in the environment.")


BASE_URL, TOKEN, MODEL = argument(1, "BASE_URL"), argument(2, "TOKEN"), argument(3, "MODEL")
HELLO = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 24}, "unit": {"type": "string", "enum": ["C", "F"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather now", "parameters": WEATHER}}
FORCED = {"type": "function", "function": {"name": "get_weather"}}
CHECKS = []


def client(**options):
    options = {"api_key": TOKEN, "max_retries": 0, "timeout": 120, **options}
    return openai.OpenAI(base_url=BASE_URL, **options)


def check(needs=None):
    def add(function):
        CHECKS.append((function, needs))
        return function

    return add


def fails(kind, call):
    """The error of class `kind` that `call` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def weather(text):
    value = json.loads(text)
    assert set(value) == {"city", "unit"}, value
    assert isinstance(value["city"], str) and value["unit"] in ("C", "F"), value


@check()
def models_are_listed_and_retrieved():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names
    model = client().models.retrieve(MODEL)
    assert (model.id, model.object) == (MODEL, "model"), model


@check()
def chat_answers_with_usage():
    answer = client().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24)
    assert answer.object == "chat.completion" and answer.id and answer.model, answer
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content, choice
    assert choice.finish_reason in ("stop", "length"), choice
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0, usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage


@check()
def chat_streams_and_ends_with_usage():
    options = {"include_usage": True}
    stream = client().chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=24, stream=True, stream_options=options
    )
    chunks = list(stream)
    assert len(chunks) >= 3, chunks
    assert len({chunk.id for chunk in chunks}) == 1, "one id for all chunks"
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[0].delta.role == "assistant", choices[0]
    assert "".join(choice.delta.content or "" for choice in choices), "text"
    assert [c.finish_reason for c in choices if c.finish_reason] in (["stop"], ["length"]), choices
    assert not chunks[-1].choices and chunks[-1].usage.total_tokens > 0, chunks[-1]


@check()
def a_stream_can_be_cancelled():
    with client().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24, stream=True) as stream:
        assert next(iter(stream)).choices
    chat_answers_with_usage()


@check()
def the_loops_in_the_documentation_work():
    # Without `include_usage` no chunk is without choices.
    for chunk in client().chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24, stream=True):
        assert chunk.choices[0].delta is not None, chunk


@check()
def a_prompt_is_continued():
    whole = client().completions.create(model=MODEL, prompt="Once upon a time", max_tokens=8)
    assert whole.object == "text_completion" and whole.choices[0].text, whole
    assert whole.choices[0].finish_reason in ("stop", "length") and whole.usage.total_tokens > 0, whole
    text = ""
    for chunk in client().completions.create(model=MODEL, prompt="Once upon a time", max_tokens=8, stream=True):
        text += chunk.choices[0].text
    assert text


@check()
def a_named_tool_is_called_with_json():
    answer = client().chat.completions.create(model=MODEL, messages=HELLO, tools=[TOOL], tool_choice=FORCED)
    choice = answer.choices[0]
    # OpenAI ends a named call with `stop`, others with `tool_calls`.
    assert choice.finish_reason in ("stop", "tool_calls"), choice
    (call,) = choice.message.tool_calls
    assert call.id and call.type == "function" and call.function.name == "get_weather", call
    weather(call.function.arguments)


@check()
def a_named_tool_is_called_in_a_stream():
    with client().chat.completions.stream(
        model=MODEL, messages=HELLO, tools=[TOOL], tool_choice=FORCED
    ) as stream:
        answer = stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls
    assert call.id and call.function.name == "get_weather", call
    weather(call.function.arguments)


@check()
def an_answer_follows_a_schema():
    schema = {"name": "weather", "strict": True, "schema": WEATHER}
    answer = client().chat.completions.create(
        model=MODEL, messages=HELLO, response_format={"type": "json_schema", "json_schema": schema}
    )
    weather(answer.choices[0].message.content)


@check(needs="MODEL_EMBED")
def embeddings_are_returned_as_floats_and_as_base64(model):
    words = ["a cat", "a dog"]
    floats = client().embeddings.create(model=model, input=words, encoding_format="float")
    assert [item.index for item in floats.data] == [0, 1] and floats.usage.prompt_tokens > 0, floats
    vectors = [item.embedding for item in floats.data]
    assert len(vectors[0]) == len(vectors[1]) > 1 and vectors[0] != vectors[1], "two vectors of one length"
    raw = client().embeddings.with_raw_response.create(model=model, input=words, encoding_format="base64")
    coded = [base64.b64decode(item["embedding"]) for item in json.loads(raw.content)["data"]]
    for vector, code in zip(vectors, coded):
        decoded = struct.unpack(f"<{len(vector)}f", code)
        assert all(abs(a - b) < 1e-6 for a, b in zip(vector, decoded)), "the same numbers both ways"
    # Without an encoding the client asks for base64 and decodes it itself.
    assert len(client().embeddings.create(model=model, input="a cat").data[0].embedding) == len(vectors[0])


@check(needs="MODEL_EXTRA")
def unknown_fields_arrive(model):
    answer = client().chat.completions.create(model=model, messages=HELLO)
    assert answer.choices[0].message.reasoning_content, answer
    stream = client().chat.completions.create(model=model, messages=HELLO, stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    assert any(getattr(delta, "reasoning_content", None) for delta in deltas), deltas


@check()
def a_bad_token_is_refused():
    bad = client(api_key="not-a-token")
    error = fails(
        openai.AuthenticationError, lambda: bad.chat.completions.create(model=MODEL, messages=HELLO)
    )
    assert error.status_code == 401 and error.body["message"], error.body


@check(needs="UNKNOWN_REFUSED")
def an_unknown_model_is_not_found(refused):
    if refused == "0":
        return
    ask = client().chat.completions.create
    error = fails(openai.NotFoundError, lambda: ask(model="no-such-model", messages=HELLO))
    assert error.status_code == 404 and error.body["message"], error.body
    fails(openai.NotFoundError, lambda: client().models.retrieve("no-such-model"))


@check()
def a_bad_parameter_is_named():
    model = os.environ.get("MODEL_400") or MODEL
    ask = client().chat.completions.create
    error = fails(openai.BadRequestError, lambda: ask(model=model, messages=HELLO, temperature=7))
    assert (error.param, error.status_code) == ("temperature", 400), error.body
    assert error.type == "invalid_request_error" and error.code, error.body


@check(needs="MODEL_429")
def too_many_requests_say_when_to_retry(model):
    ask = client().chat.completions.create
    error = fails(openai.RateLimitError, lambda: ask(model=model, messages=HELLO))
    assert error.status_code == 429, error
    headers = error.response.headers
    assert float(headers["retry-after-ms"]) > 0 and float(headers["retry-after"]) > 0, headers


@check(needs="MODEL_429")
def max_retries_is_honoured(model):
    requests = []
    counting = openai.DefaultHttpxClient(event_hooks={"request": [requests.append]})
    twice = client(max_retries=2, http_client=counting)
    fails(openai.RateLimitError, lambda: twice.chat.completions.create(model=model, messages=HELLO))
    assert len(requests) == 3, f"{len(requests)} requests"
    fails(openai.AuthenticationError, lambda: twice.with_options(api_key="no").models.list())
    assert len(requests) == 4, "a refused credential is not tried again"


@check(needs="MODEL_500")
def a_broken_upstream_is_a_server_error(model):
    for stream in (False, True):
        ask = client().chat.completions.create
        error = fails(openai.InternalServerError, lambda: ask(model=model, messages=HELLO, stream=stream))
        assert isinstance(error, openai.APIStatusError), error
        assert error.status_code == int(os.environ.get("STATUS_500", 502)), error
        assert error.body["message"], error.body


@check(needs="MODEL_BREAKS")
def a_stream_that_breaks_off_is_an_error(model):
    chunks = []

    def read():
        for chunk in client().chat.completions.create(model=model, messages=HELLO, stream=True):
            chunks.append(chunk)

    fails(openai.APIError, read)
    assert chunks, "the chunks before the break arrive"


def main():
    failed = 0
    for function, needs in CHECKS:
        name = function.__name__
        value = os.environ.get(needs, "1" if needs == "UNKNOWN_REFUSED" else "") if needs else ""
        if needs and not value:
            print(f"skip {name} (no {needs})")
            continue
        try:
            function(value) if needs else function()
        except Exception as error:  # a failed check must not stop the others
            failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
            traceback.print_exc()
        else:
            print(f"ok   {name}")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


main()
