// OpenAI's own JavaScript client against /v1/files: the same checks as openai_files.py.
//
//     JAN_TEST_NODE_MODULES=… BASE_URL=… TOKEN=… MODEL=… node openai_files.mjs

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.env.JAN_TEST_NODE_MODULES;
const require = createRequire(modules ? path.join(path.resolve(modules), '-') : import.meta.url);
const OpenAI = require('openai').default;
const { toFile } = require('openai');

const { BASE_URL: baseURL, TOKEN: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 120_000, logLevel: 'off' });
const upload = async (text, name, purpose, more = {}) =>
  client.files.create({ file: await toFile(Buffer.from(text), name), purpose, ...more });

const checks = {
  async 'a file is uploaded, read and deleted'() {
    const lines = '{"from": "javascript"}\n';
    const made = await upload(lines, 'train.jsonl', 'fine-tune');
    assert.equal(made.object, 'file');
    assert.equal(made.filename, 'train.jsonl');
    assert.equal(made.purpose, 'fine-tune');
    assert.equal(made.bytes, lines.length);
    assert.equal(made.status, 'processed');
    assert.deepEqual(await client.files.retrieve(made.id), made);
    assert.equal(await (await client.files.content(made.id)).text(), lines);
    assert.equal((await client.files.waitForProcessing(made.id)).id, made.id);
    assert.deepEqual(await client.files.delete(made.id), { id: made.id, object: 'file', deleted: true });
    await assert.rejects(client.files.retrieve(made.id), OpenAI.NotFoundError);
  },

  async 'two uploads are two files'() {
    const a = await upload('javascript twice', 'a.txt', 'assistants');
    const b = await upload('javascript twice', 'b.txt', 'user_data');
    assert.notEqual(a.id, b.id);
    assert.deepEqual([b.filename, b.purpose], ['b.txt', 'user_data']);
    await client.files.delete(b.id);
    assert.deepEqual(await client.files.retrieve(a.id), a);
    assert.equal(await (await client.files.content(a.id)).text(), 'javascript twice');
    await client.files.delete(a.id);
  },

  async 'files are listed'() {
    const made = [];
    for (const n of [0, 1, 2]) made.push((await upload(`javascript ${n}`, `${n}.txt`, 'evals')).id);
    const seen = [];
    for await (const file of client.files.list({ purpose: 'evals', order: 'asc', limit: 2 })) seen.push(file.id);
    assert.deepEqual(seen, made);
    for (const id of made) await client.files.delete(id);
  },

  async 'a file expires as requested'() {
    const made = await upload('javascript ends', 'a.txt', 'user_data', {
      expires_after: { anchor: 'created_at', seconds: 3600 },
    });
    assert.equal(made.expires_at, made.created_at + 3600);
  },

  async 'a file is named in a chat'() {
    const made = await upload('%PDF-1.7 javascript', 'a.pdf', 'user_data');
    const content = [{ type: 'file', file: { file_id: made.id } }];
    const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] });
    assert.ok(answer.choices[0].message.content);
  },

  async 'a wrong purpose is named'() {
    await assert.rejects(upload('words', 'a.txt', 'fun'), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'purpose');
      return true;
    });
  },
};

let failed = 0;
for (const [name, run] of Object.entries(checks)) {
  try {
    await run();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.name}: ${error?.message}`);
    console.error(error);
  }
}
process.exit(failed ? 1 : 0);
