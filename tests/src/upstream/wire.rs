//! Misbehaviour below HTTP: what a connection does instead of speaking the protocol.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Gate;

/// What the next connection does instead of speaking HTTP.
#[derive(Debug, Clone)]
pub enum Wire {
    /// Is accepted and closed at once.
    Close,
    /// Is accepted and reset at once.
    Reset,
    /// Waits for a request's head, writes these bytes as they are, and closes.
    Say(Bytes),
    /// Says nothing until the gate opens, then closes.
    Silence,
}

impl Wire {
    /// Writes `bytes` and closes, for example an HTTP head that promises more than comes.
    pub fn say(bytes: impl Into<Bytes>) -> Self {
        Self::Say(bytes.into())
    }

    pub(super) async fn play(self, mut socket: TcpStream, gate: Gate) -> io::Result<()> {
        match self {
            Self::Close => Ok(()),
            Self::Reset => socket.set_zero_linger(),
            Self::Say(bytes) => {
                let mut head = BytesMut::new();
                while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
                    if socket.read_buf(&mut head).await? == 0 {
                        return Ok(());
                    }
                }
                socket.write_all(&bytes).await?;
                socket.shutdown().await
            }
            Self::Silence => {
                gate.wait().await;
                Ok(())
            }
        }
    }
}
