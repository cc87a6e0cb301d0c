//! A stream with time limits for its peer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::requests::Requests;

/// The most reads in a row. Then the connection answers, and reads on later.
// tokio lets a task do 128 operations in a turn, and no timer ends after them. hyper reads bytes without content, such as
// zeros before the length of a chunk, for as long as there are any: their request would never run out of time. Over TLS a
// read takes several operations.
const READS: u32 = 8;

/// A stream that fails if the head of a request takes too long, or if the peer stops reading.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    requests: Requests,
    /// The number that [`Requests::now`] returned at the last read.
    seen: u64,
    /// The reads since one had to wait.
    reads: u32,
    head: Patience,
    taken: Patience,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, requests: Requests, head: Duration, taken: Duration) -> Self {
        Self {
            stream,
            seen: requests.now().0,
            reads: 0,
            requests,
            head: Patience::new(head),
            taken: Patience::new(taken),
        }
    }
}

impl<S: AsyncRead + Unpin> Paced<S> {
    /// Reads, unless the last [`READS`] calls did. Then the task is woken to go on.
    fn read_in_turn(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = if self.reads < READS {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        };
        self.reads = if read.is_ready() { self.reads + 1 } else { 0 };
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, is_answered) = self.requests.now();
        let has_changed = std::mem::replace(&mut self.seen, now) != now;
        if has_changed {
            self.head.stop();
        }
        let before = buffer.filled().len();
        let read = self.read_in_turn(cx, buffer);
        if is_answered {
            // This reads a body, which has limits of its own.
            return read;
        }
        // The first bytes after an answer may be the rest of an unread body.
        if !has_changed && buffer.filled().len() > before {
            self.head.start();
        }
        self.head.check(cx)?;
        read
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.taken.stop();
            return written;
        }
        self.taken.start();
        self.taken.check(cx)?;
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A time limit that starts when something begins.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, running: None }
    }

    fn start(&mut self) {
        self.running.get_or_insert_with(|| Box::pin(sleep(self.limit)));
    }

    fn stop(&mut self) {
        self.running = None;
    }

    /// Fails if the time is over. Otherwise it wakes the task when the time is over.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        match running.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}
