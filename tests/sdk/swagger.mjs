// Swagger UI in Chromium, controlled by Playwright: press Authorize, press Execute, check the page.
//
//     JAN_TEST_NODE_MODULES=… JAN_TEST_CHROMIUM=… node swagger.mjs
//
// Environment: BASE_URL (of the server), TOKEN, API_KEY; HOST, a name in BASE_URL that the browser resolves to this
// computer; SCREENSHOT, a file for a screenshot of the page at the end. The exit code is 1 if a check failed.

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
  const requested = [];
  const errors = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('websocket', (socket) => requested.push(socket.url()));
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
  const removeCredential = (scheme) =>
    dialog(() => credential(scheme).getByRole('button', { name: 'Remove authorization' }).click());
  // Checks the server's reply, and that the page shows it.
  const accepted = async (method) => {
    const reply = await execute();
    assert.equal(reply.status(), 200);
    assert.equal(reply.headers()['x-auth-method'], method);
    const shown = models.locator('.live-responses-table .response');
    await shown.filter({ hasText: `x-auth-method: ${method}` }).waitFor();
    assert.match(await shown.locator('.response-col_status').innerText(), /^200/);
    assert.match(await shown.innerText(), /"object": "list"/);
  };

  assert.equal((await execute()).status(), 401, 'a request without a credential is refused');
  await enter('bearer', TOKEN);
  await accepted('jwt');
  await removeCredential('bearer');
  assert.equal((await execute()).status(), 401, 'a credential that was removed is not sent');
  await enter('apiKey', API_KEY);
  await accepted('api_key');
  // The example bodies of the page work unchanged.
  for (const route of ['/v1/chat/completions', '/v1/conversations', '/v1/media']) {
    const block = page.locator('.opblock-post', { has: page.locator(`[data-path="${route}"]`) });
    await block.locator('.opblock-summary-control').click();
    const answered = (reply) => reply.url() === `${BASE_URL}${route}` && reply.request().method() === 'POST';
    const reply = page.waitForResponse(answered);
    await block.getByRole('button', { name: 'Execute' }).click();
    assert.equal((await reply).status(), 200, `the example body for ${route}`);
  }
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT, fullPage: true });

  const otherOrigins = requested.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== BASE_URL);
  assert.deepEqual(otherOrigins, [], 'the page sends requests only to its own server');
  assert.deepEqual(errors, [], 'no script of the page failed');
} finally {
  await browser.close();
}
