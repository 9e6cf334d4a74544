//! 03 · Chat in your own program, without a server: no HTTP server is in the dependency tree of `jan-llm`.
//!
//!     cargo run -p jan-examples --bin 03_chat_without_http [URL MODEL]

use futures_util::StreamExt;
use jan_core::Principal;
use jan_llm::{Chat, ChatRequest, Echo, OpenAi};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (chat, model) = match (args.next(), args.next()) {
        (Some(url), Some(model)) => (Chat::new(OpenAi::at(url)), model),
        _ => (Chat::new(Echo::default()), "echo".to_owned()),
    };
    let me = Principal::open("me");
    let mut request = ChatRequest::new(model).system("You are brief.").user("Hello from Rust!");

    // Streamed. Dropping the stream stops the model; an incomplete answer ends with an error.
    let mut stream = chat.stream(request.clone(), &me).await?;
    let mut answer_text = String::new();
    while let Some(chunk) = stream.next().await {
        let text = chunk?.text();
        print!("{text}");
        answer_text.push_str(&text);
    }
    println!();

    // The next turn, not streamed.
    request = request.assistant(answer_text).user("And again.");
    let answer = chat.complete(request, &me).await?.parse()?;
    println!("{}", answer.choices.first().map(|choice| choice.message.text()).unwrap_or_default());
    println!("{} tokens", answer.usage.unwrap_or_default().total_tokens);
    Ok(())
}
