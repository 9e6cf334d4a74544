//! Swagger UI in a real browser, as somebody uses it who tries the API. The browser is found by `scripts/chromium`.

use jan_tests::tool;

use crate::app::App;
use crate::sdks::{node_client, succeeds};

const KEY: &str = "sk_a-key-for-the-browser-test";
/// A name that is not the computer's own: Swagger UI is on its best behaviour on `localhost`, and what it sends to the
/// authors' servers elsewhere would not be seen. The browser is told where it leads.
const HOST: &str = "jan.test";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_with_a_token_and_with_a_key_and_stays_at_home() {
    let (Some(browser), Some(mut client)) = (tool("JAN_TEST_CHROMIUM"), node_client("swagger.mjs")) else {
        return;
    };
    let app = App::start(|config| config.auth.api_keys = vec![KEY.into()]).await;
    let url = app.url.replace("127.0.0.1", HOST);
    client.env("JAN_TEST_CHROMIUM", browser).env("HOST", HOST).env("BASE_URL", url);
    client.env("TOKEN", &app.token).env("API_KEY", KEY);
    succeeds(client).await;
}
