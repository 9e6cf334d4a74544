// fetch of node and OpenAI's own JavaScript client: large bodies that are refused.
//
//     JAN_TEST_NODE_MODULES=… node refused_bodies.mjs [BASE_URL TOKEN]
//
// Arguments or environment: BASE_URL (with /v1), TOKEN. The exit code is 1 if an error reply could not be read.

import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.env.JAN_TEST_NODE_MODULES;
const require = createRequire(modules ? path.join(path.resolve(modules), '-') : import.meta.url);
const OpenAI = require('openai').default;

const baseURL = process.argv[2] ?? process.env.BASE_URL;
const token = process.argv[3] ?? process.env.TOKEN;
const text = (mib) => 'x'.repeat(mib << 20);
const clients = {
  fetch: async (key, mib) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const reply = await fetch(`${baseURL}/chat/completions`, { method: 'POST', headers, body: text(mib) });
    return (await reply.text()).includes('"error"') && reply.status;
  },
  openai: async (key, mib) => {
    const client = new OpenAI({ baseURL, apiKey: key, maxRetries: 0, timeout: 60_000, logLevel: 'off' });
    const messages = [{ role: 'user', content: text(mib) }];
    return client.chat.completions.create({ model: 'm', messages }).then(
      () => 200,
      (error) => error.status ?? Promise.reject(error),
    );
  },
};
let failed = false;
for (const [name, ask] of Object.entries(clients)) {
  for (const [status, key, mib] of [[401, 'wrong', 6], [413, token, 9]]) {
    let read = 0;
    for (let round = 0; round < 20; round += 1) {
      try {
        if ((await ask(key, mib)) === status) read += 1;
      } catch (error) {
        console.log(`${name}:`, error.message, error.cause?.message ?? '', error.cause?.code ?? '');
      }
    }
    console.log(`${name}: ${status} was read ${read} of 20 times`);
    failed ||= read !== 20;
  }
}
process.exit(failed ? 1 : 0);
