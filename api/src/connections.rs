//! Serving HTTP/1.1 on a bounded number of connections, with time limits for slow and idle ones.
//!
//! axum's own server waits without limit for the head of a request. It accepts as many connections as the process may
//! open files: a thousand silent callers would keep all others out. This server limits the time of heads and of idle
//! connections. Without proxies, an address may hold no more connections than stay free for others.

mod accept;
mod certificates;
mod limits;
mod paced;
mod places;
mod port;
mod requests;
mod validity;

pub use accept::serve;
pub use certificates::CertificateError;
pub use limits::Limits;
pub use port::Port;
