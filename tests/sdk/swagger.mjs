// Swagger UI in Chromium, by the hand of Playwright: press Authorize, press Execute, look at what is shown.
//
//     JAN_TEST_NODE_MODULES=… JAN_TEST_CHROMIUM=… node swagger.mjs
//
// Environment: BASE_URL (of the server), TOKEN, API_KEY; HOST, a name in BASE_URL that shall lead to this computer;
// SCREENSHOT, a file for a picture of the page at the end. The exit code is 1 if something was not as it should be.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const { JAN_TEST_NODE_MODULES, JAN_TEST_CHROMIUM, BASE_URL, TOKEN, API_KEY, HOST, SCREENSHOT } = process.env;
const require = createRequire(path.join(path.resolve(JAN_TEST_NODE_MODULES), '-'));
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
  executablePath: JAN_TEST_CHROMIUM,
  args: HOST ? [`--host-resolver-rules=MAP ${HOST} 127.0.0.1`] : [],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const asked = [];
  const errors = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('websocket', (socket) => asked.push(socket.url()));
  page.on('pageerror', (error) => errors.push(error));

  await page.goto(`${BASE_URL}/api/swagger/index.html`);
  const models = page.locator('.opblock-get', { has: page.locator('[data-path="/v1/models"]') });
  await models.locator('.opblock-summary-control').click();

  const execute = async () => {
    const reply = page.waitForResponse(`${BASE_URL}/v1/models`);
    await models.getByRole('button', { name: 'Execute' }).click();
    return reply;
  };
  const credentials = page.locator('.dialog-ux');
  const credential = (scheme) => credentials.locator('.auth-container', { hasText: `${scheme} ` });
  const dialog = async (act) => {
    await page.locator('.auth-wrapper .btn.authorize').first().click();
    await act();
    await credentials.locator('.close-modal').click();
  };
  const enter = (scheme, secret) =>
    dialog(async () => {
      await credential(scheme).locator('input').fill(secret);
      await credential(scheme).getByRole('button', { name: 'Apply credentials' }).click();
    });
  const forget = (scheme) =>
    dialog(() => credential(scheme).getByRole('button', { name: 'Remove authorization' }).click());
  // What the server did, and that the page shows it.
  const accepted = async (method) => {
    const reply = await execute();
    assert.equal(reply.status(), 200);
    assert.equal(reply.headers()['x-auth-method'], method);
    const shown = models.locator('.live-responses-table .response');
    await shown.filter({ hasText: `x-auth-method: ${method}` }).waitFor();
    assert.match(await shown.locator('.response-col_status').innerText(), /^200/);
    assert.match(await shown.innerText(), /"object": "list"/);
  };

  assert.equal((await execute()).status(), 401, 'nobody is let in without a credential');
  await enter('bearer', TOKEN);
  await accepted('jwt');
  await forget('bearer');
  assert.equal((await execute()).status(), 401, 'a credential that was removed is not sent');
  await enter('apiKey', API_KEY);
  await accepted('api_key');
  // The bodies that the page offers work as they are.
  for (const offered of ['/v1/chat/completions', '/v1/conversations', '/v1/media']) {
    const block = page.locator('.opblock-post', { has: page.locator(`[data-path="${offered}"]`) });
    await block.locator('.opblock-summary-control').click();
    const answered = (reply) => reply.url() === `${BASE_URL}${offered}` && reply.request().method() === 'POST';
    const reply = page.waitForResponse(answered);
    await block.getByRole('button', { name: 'Execute' }).click();
    assert.equal((await reply).status(), 200, `the body that is offered for ${offered}`);
  }
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT, fullPage: true });

  const elsewhere = asked.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== BASE_URL);
  assert.deepEqual(elsewhere, [], 'the page asks nobody but its own server');
  assert.deepEqual(errors, [], 'no script of the page failed');
} finally {
  await browser.close();
}
