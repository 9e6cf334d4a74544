//! Swagger UI in a real browser, as a user who tries the API. `scripts/chromium` finds the browser.

use jan_tests::tool;

use crate::app::App;
use crate::sdks::{node_client, succeeds};

const KEY: &str = "sk_a-key-for-the-browser-test";
/// A host name other than `localhost`: on `localhost` Swagger UI does not send requests to its authors' servers, so the
/// test would not detect them. The browser is configured to resolve this name to this computer.
const HOST: &str = "jan.test";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_with_a_token_and_a_key_and_calls_no_other_server() {
    let (Some(browser), Some(mut client)) = (tool("JAN_TEST_CHROMIUM"), node_client("swagger.mjs")) else {
        return;
    };
    let app = App::start(|config| config.auth.api_keys = vec![KEY.into()]).await;
    let url = app.url.replace("127.0.0.1", HOST);
    client.env("JAN_TEST_CHROMIUM", browser).env("HOST", HOST).env("BASE_URL", url);
    client.env("TOKEN", &app.token).env("API_KEY", KEY);
    succeeds(client).await;
}
