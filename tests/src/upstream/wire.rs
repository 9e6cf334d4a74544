//! Faults below HTTP: what a connection does instead of HTTP.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Gate;

/// What a connection does instead of HTTP.
#[derive(Debug, Clone)]
pub enum Wire {
    /// It is accepted and closed at once.
    Close,
    /// It is accepted and reset at once.
    Reset,
    /// It waits for a request's head, writes these bytes, and closes.
    Send(Bytes),
    /// It sends nothing until the gate opens, then closes.
    Silence,
}

impl Wire {
    /// A connection that writes `bytes` and closes, for example an HTTP head with a `content-length` and a shorter
    /// body.
    pub fn send(bytes: impl Into<Bytes>) -> Self {
        Self::Send(bytes.into())
    }

    pub(super) async fn play(self, mut socket: TcpStream, gate: Gate) -> io::Result<()> {
        match self {
            Self::Close => Ok(()),
            Self::Reset => socket.set_zero_linger(),
            Self::Send(bytes) => {
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
