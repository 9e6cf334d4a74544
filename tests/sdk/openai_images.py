"""OpenAI's own Python client against /v1/images.

    BASE_URL=… TOKEN=… python openai_images.py

Prints one line for each check; the exit code is 1 if one failed.
"""

import base64
import io
import os
import sys
import traceback

import openai

client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0, timeout=60
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def images_are_generated():
    made = client.images.generate(prompt="one red pixel", n=1, size="1024x1024", response_format="b64_json")
    assert made.created > 1_600_000_000 and made.usage.total_tokens == 5
    assert base64.b64decode(made.data[0].b64_json) == PIXEL
    linked = client.images.generate(prompt="one red pixel", response_format="url")
    assert linked.data[0].url and linked.data[0].b64_json is None


def image_generation_is_streamed():
    events = list(client.images.generate(prompt="x", model="gpt-image-1", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def images_are_edited():
    files = [("a.png", io.BytesIO(PIXEL), "image/png"), ("b.png", io.BytesIO(PIXEL), "image/png")]
    for image in (files[0], files):
        for file in files:
            file[1].seek(0)
        made = client.images.edit(image=image, prompt="bluer", n=1, response_format="b64_json")
        assert base64.b64decode(made.data[0].b64_json) == PIXEL


def a_bad_value_is_named():
    try:
        client.images.generate(prompt="x", n=50)
    except openai.BadRequestError as error:
        assert error.param == "n", error.param
    else:
        raise AssertionError("fifty images in one request were accepted")


failed = 0
for check in (images_are_generated, image_generation_is_streamed, images_are_edited, a_bad_value_is_named):
    try:
        check()
        print("ok    ", check.__name__)
    except Exception:
        failed += 1
        print("FAILED", check.__name__)
        traceback.print_exc()
sys.exit(1 if failed else 0)
