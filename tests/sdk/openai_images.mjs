// OpenAI's own JavaScript client against /v1/images.
//
//     BASE_URL=… TOKEN=… JAN_TEST_NODE_MODULES=… node openai_images.mjs
//
// Prints one line for each check; the exit code is 1 if one failed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.JAN_TEST_NODE_MODULES, "_"));
const { default: OpenAI, toFile } = require("openai");
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.TOKEN, maxRetries: 0 });
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

const checks = {
  async "images are generated"() {
    const made = await client.images.generate({ prompt: "x", n: 2, response_format: "b64_json" });
    assert.deepEqual(made.data.map((picture) => picture.b64_json), [PIXEL, PIXEL]);
    const linked = await client.images.generate({ prompt: "x" });
    const shown = await fetch(new URL(linked.data[0].url, process.env.BASE_URL));
    assert.equal(Buffer.from(await shown.arrayBuffer()).toString("base64"), PIXEL);
  },
  async "image generation is streamed"() {
    const stream = await client.images.generate({ prompt: "x", stream: true, partial_images: 1 });
    const types = [];
    for await (const event of stream) types.push(event.type);
    assert.deepEqual(types, ["image_generation.partial_image", "image_generation.completed"]);
  },
  async "images are edited"() {
    const image = await toFile(Buffer.from(PIXEL, "base64"), "in.png", { type: "image/png" });
    const made = await client.images.edit({ image, prompt: "bluer", response_format: "b64_json" });
    assert.equal(made.data[0].b64_json, PIXEL);
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log("ok    ", name);
  } catch (error) {
    process.exitCode = 1;
    console.log("FAILED", name, error);
  }
}
