// OpenAI's own JavaScript client against /v1/conversations, its items, and stored chat completions: the same checks as
// openai_conversations.py.
//
//     JAN_TEST_NODE_MODULES=… BASE_URL=… TOKEN=… MODEL=… node openai_conversations.mjs

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.env.JAN_TEST_NODE_MODULES;
const require = createRequire(modules ? path.join(path.resolve(modules), '-') : import.meta.url);
const OpenAI = require('openai').default;

const { BASE_URL: baseURL, TOKEN: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 120_000, logLevel: 'off' });
const all = async (pages) => {
  const seen = [];
  for await (const item of pages) seen.push(item);
  return seen;
};

const checks = {
  async 'a conversation is created, changed and deleted'() {
    const made = await client.conversations.create({
      metadata: { topic: 'demo' },
      items: [{ type: 'message', role: 'user', content: 'Hello!' }],
    });
    assert.equal(made.object, 'conversation');
    assert.deepEqual(made.metadata, { topic: 'demo' });
    assert.equal((await client.conversations.retrieve(made.id)).id, made.id);
    const changed = await client.conversations.update(made.id, { metadata: { topic: 'rivers' } });
    assert.deepEqual(changed.metadata, { topic: 'rivers' });
    assert.ok((await client.conversations.delete(made.id)).deleted);
    await assert.rejects(client.conversations.retrieve(made.id), OpenAI.NotFoundError);
  },

  async 'items are added, listed and deleted'() {
    const { id } = await client.conversations.create();
    const added = await client.conversations.items.create(id, {
      items: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] },
        { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
        { type: 'message', role: 'assistant', content: 'Sunny.' },
      ],
    });
    assert.equal(added.data.length, 4);
    const seen = await all(client.conversations.items.list(id, { order: 'asc', limit: 3 }));
    assert.deepEqual(seen.map((item) => item.id), added.data.map((item) => item.id), 'the client reads all pages');
    assert.equal(seen[0].content[0].text, 'Weather?');
    const one = await client.conversations.items.retrieve(seen[0].id, { conversation_id: id });
    assert.equal(one.role, 'user');
    assert.equal((await client.conversations.items.delete(seen[0].id, { conversation_id: id })).id, id);
    assert.equal((await all(client.conversations.items.list(id))).length, 3);
  },

  async 'a chat is stored in a conversation'() {
    const { id } = await client.conversations.create();
    const ask = { model, max_tokens: 12, conversation: id, messages: [{ role: 'user', content: 'One.' }] };
    await client.chat.completions.create(ask);
    await all(await client.chat.completions.create({ ...ask, stream: true }));
    const items = await all(client.conversations.items.list(id, { order: 'asc' }));
    assert.deepEqual(items.map((item) => item.role), ['user', 'assistant', 'user', 'assistant']);
  },

  async 'completions are stored'() {
    const messages = [{ role: 'user', content: 'Hi' }];
    const made = await client.chat.completions.create({ model, store: true, metadata: { n: '1' }, max_tokens: 12, messages });
    const kept = await client.chat.completions.retrieve(made.id);
    assert.equal(kept.choices[0].message.content, made.choices[0].message.content);
    const listed = await all(client.chat.completions.list({ metadata: { n: '1' } }));
    assert.ok(listed.some((one) => one.id === made.id));
    assert.deepEqual((await all(client.chat.completions.messages.list(made.id))).map((m) => m.content), ['Hi']);
    assert.deepEqual((await client.chat.completions.update(made.id, { metadata: { n: '2' } })).metadata, { n: '2' });
    assert.ok((await client.chat.completions.delete(made.id)).deleted);
  },

  async 'violated limits are named'() {
    const metadata = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']));
    await assert.rejects(client.conversations.create({ metadata }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'metadata');
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
