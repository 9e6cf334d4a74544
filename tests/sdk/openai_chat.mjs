// OpenAI's own JavaScript client against a server, the same checks as openai_chat.py.
//
//     JAN_TEST_NODE_MODULES=… node openai_chat.mjs [BASE_URL TOKEN MODEL]
//
// Arguments or environment: BASE_URL (with /v1), TOKEN, MODEL. Models with faults are optional, and a check without its
// model is skipped: MODEL_EMBED, MODEL_EXTRA (answers with reasoning_content), MODEL_429, MODEL_500 (a broken upstream,
// shown as STATUS_500, by default 502), MODEL_BREAKS (the stream breaks off in the middle). UNKNOWN_REFUSED=0 for a
// server that accepts any model name. Prints one line for each check; the exit code is 1 if one failed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.env.JAN_TEST_NODE_MODULES;
const require = createRequire(modules ? path.join(path.resolve(modules), '-') : import.meta.url);
const OpenAI = require('openai').default;

const argument = (place, name) => {
  const value = process.argv[place + 1] ?? process.env[name];
  if (!value) {
    console.error(`${name} is missing: give BASE_URL TOKEN MODEL as arguments or in the environment.`);
    process.exit(1);
  }
  return value;
};
const [baseURL, token, model] = [argument(1, 'BASE_URL'), argument(2, 'TOKEN'), argument(3, 'MODEL')];
const client = (options = {}) =>
  new OpenAI({ baseURL, apiKey: token, maxRetries: 0, timeout: 120_000, logLevel: 'off', ...options });
const ask = (body, options) =>
  client(options).chat.completions.create({ model, messages: hello, ...body });

const hello = [{ role: 'user', content: 'Say hello.' }];
const schema = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 24 }, unit: { type: 'string', enum: ['C', 'F'] } },
  required: ['city', 'unit'],
  additionalProperties: false,
};
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Weather now', parameters: schema } }];
const tool_choice = { type: 'function', function: { name: 'get_weather' } };

const checks = [];
const check = (name, run) => checks.push({ name, run });
const checkWith = (needs, name, run) => checks.push({ name, run, needs });

const fails = async (kind, call) => {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof kind, `${error?.name}: ${error?.message}`);
    return error;
  }
  assert.fail(`${kind.name} was not thrown`);
};

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

const weather = (text) => {
  const value = JSON.parse(text);
  assert.deepEqual(Object.keys(value).sort(), ['city', 'unit']);
  assert.equal(typeof value.city, 'string');
  assert.ok(['C', 'F'].includes(value.unit));
};

check('models are listed and retrieved', async () => {
  const names = [];
  for await (const listed of client().models.list()) names.push(listed.id);
  assert.ok(names.includes(model), names.join());
  const one = await client().models.retrieve(model);
  assert.deepEqual([one.id, one.object], [model, 'model']);
});

check('chat answers with usage', async () => {
  const answer = await ask({ max_tokens: 24 });
  assert.equal(answer.object, 'chat.completion');
  const [choice] = answer.choices;
  assert.equal(choice.message.role, 'assistant');
  assert.ok(choice.message.content);
  assert.ok(['stop', 'length'].includes(choice.finish_reason));
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  assert.ok(prompt_tokens > 0 && completion_tokens > 0);
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
});

check('chat streams and ends with usage', async () => {
  const chunks = await collect(await ask({ max_tokens: 24, stream: true, stream_options: { include_usage: true } }));
  assert.ok(chunks.length >= 3);
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  assert.equal(choices[0].delta.role, 'assistant');
  assert.ok(choices.map((choice) => choice.delta.content ?? '').join(''));
  const reasons = choices.map((choice) => choice.finish_reason).filter(Boolean);
  assert.ok(reasons.length === 1 && ['stop', 'length'].includes(reasons[0]), reasons.join());
  assert.equal(chunks.at(-1).choices.length, 0);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

check('a stream can be cancelled', async () => {
  for await (const chunk of await ask({ max_tokens: 24, stream: true })) {
    assert.ok(chunk.choices.length);
    break;
  }
  assert.ok((await ask({ max_tokens: 24 })).choices.length);
});

check('the loops in the documentation work', async () => {
  // Without `include_usage` no chunk is without choices.
  for await (const chunk of await ask({ max_tokens: 24, stream: true })) assert.ok(chunk.choices[0].delta);
});

check('a prompt is continued', async () => {
  const prompt = { model, prompt: 'Once upon a time', max_tokens: 8 };
  const whole = await client().completions.create(prompt);
  assert.equal(whole.object, 'text_completion');
  assert.ok(whole.choices[0].text && whole.usage.total_tokens > 0);
  let text = '';
  for await (const chunk of await client().completions.create({ ...prompt, stream: true })) text += chunk.choices[0].text;
  assert.ok(text);
});

check('a named tool is called with json', async () => {
  const [choice] = (await ask({ tools, tool_choice })).choices;
  assert.ok(['stop', 'tool_calls'].includes(choice.finish_reason), choice.finish_reason);
  assert.equal(choice.message.tool_calls.length, 1);
  const [call] = choice.message.tool_calls;
  assert.deepEqual([call.type, call.function.name], ['function', 'get_weather']);
  assert.ok(call.id);
  weather(call.function.arguments);
});

check('a named tool is called in a stream', async () => {
  const runner = client().chat.completions.stream({ model, messages: hello, tools, tool_choice });
  const [call] = (await runner.finalChatCompletion()).choices[0].message.tool_calls;
  assert.ok(call.id && call.function.name === 'get_weather');
  weather(call.function.arguments);
});

check('an answer follows a schema', async () => {
  const json_schema = { name: 'weather', strict: true, schema };
  const answer = await ask({ response_format: { type: 'json_schema', json_schema } });
  weather(answer.choices[0].message.content);
});

checkWith('MODEL_EMBED', 'embeddings are returned as floats and as base64', async (name) => {
  const embed = (body) => client().embeddings.create({ model: name, input: ['a cat', 'a dog'], ...body });
  const floats = await embed({ encoding_format: 'float' });
  assert.deepEqual(floats.data.map((item) => item.index), [0, 1]);
  assert.ok(floats.usage.prompt_tokens > 0);
  const [cat, dog] = floats.data.map((item) => item.embedding);
  assert.ok(cat.length === dog.length && cat.length > 1);
  assert.notDeepEqual(cat, dog);
  const coded = await embed({ encoding_format: 'base64' });
  const bytes = Buffer.from(coded.data[0].embedding, 'base64');
  assert.equal(bytes.length, cat.length * 4);
  cat.forEach((number, i) => assert.ok(Math.abs(number - bytes.readFloatLE(i * 4)) < 1e-6));
  // Without an encoding the client asks for base64 and decodes it itself.
  assert.equal((await embed({ input: 'a cat' })).data[0].embedding.length, cat.length);
});

checkWith('MODEL_EXTRA', 'unknown fields arrive', async (name) => {
  assert.ok((await ask({ model: name })).choices[0].message.reasoning_content);
  const chunks = await collect(await ask({ model: name, stream: true }));
  assert.ok(chunks.some((chunk) => chunk.choices[0]?.delta.reasoning_content));
});

check('a bad token is refused', async () => {
  const error = await fails(OpenAI.AuthenticationError, () => ask({}, { apiKey: 'not-a-token' }));
  assert.equal(error.status, 401);
  assert.ok(error.error.message);
});

checkWith('UNKNOWN_REFUSED', 'an unknown model is not found', async (refused) => {
  if (refused === '0') return;
  const error = await fails(OpenAI.NotFoundError, () => ask({ model: 'no-such-model' }));
  assert.equal(error.status, 404);
  await fails(OpenAI.NotFoundError, () => client().models.retrieve('no-such-model'));
});

check('a bad parameter is named', async () => {
  const body = { model: process.env.MODEL_400 || model, temperature: 7 };
  const error = await fails(OpenAI.BadRequestError, () => ask(body));
  assert.deepEqual([error.status, error.param, error.type], [400, 'temperature', 'invalid_request_error']);
  assert.ok(error.code);
});

checkWith('MODEL_429', 'too many requests say when to retry', async (name) => {
  const error = await fails(OpenAI.RateLimitError, () => ask({ model: name }));
  assert.equal(error.status, 429);
  assert.ok(Number(error.headers.get('retry-after-ms')) > 0 && Number(error.headers.get('retry-after')) > 0);
});

checkWith('MODEL_429', 'max retries is honoured', async (name) => {
  let count = 0;
  const counting = (...call) => {
    count += 1;
    return fetch(...call);
  };
  const twice = { maxRetries: 2, fetch: counting };
  await fails(OpenAI.RateLimitError, () => ask({ model: name }, twice));
  assert.equal(count, 3);
  await fails(OpenAI.AuthenticationError, () => client({ ...twice, apiKey: 'no' }).models.list());
  assert.equal(count, 4);
});

checkWith('MODEL_500', 'a broken upstream is a server error', async (name) => {
  for (const stream of [false, true]) {
    const error = await fails(OpenAI.InternalServerError, () => ask({ model: name, stream }));
    assert.equal(error.status, Number(process.env.STATUS_500 || 502));
    assert.ok(error.error.message);
  }
});

checkWith('MODEL_BREAKS', 'a stream that breaks off is an error', async (name) => {
  const chunks = [];
  await fails(OpenAI.APIError, async () => {
    for await (const chunk of await ask({ model: name, stream: true })) chunks.push(chunk);
  });
  assert.ok(chunks.length, 'the chunks before the break arrive');
});

let failed = 0;
for (const { name, run, needs } of checks) {
  const value = needs && (process.env[needs] || (needs === 'UNKNOWN_REFUSED' ? '1' : ''));
  if (needs && !value) {
    console.log(`skip ${name} (no ${needs})`);
    continue;
  }
  try {
    await run(value);
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.name}: ${error?.message}`);
    console.error(error);
  }
}
process.exit(failed ? 1 : 0);
