//! Serving HTTP/1.1 on a bounded number of connections, and closing those that make no progress.
//!
//! What axum serves by itself waits without end for a head, and takes as many connections as the process may open files:
//! a thousand callers that say nothing keep everybody else out. Here a head has to come in time, a connection on which
//! nothing moves is closed, and nobody may hold more connections than are left for others.

mod accept;
mod certificates;
mod limits;
mod paced;
mod places;
mod port;
mod requests;

pub use accept::serve;
pub use certificates::CertificateError;
pub use limits::Limits;
pub use port::Port;
