//! The console: pages for people, at `/` and below `/console`.
//!
//! The process renders each page whole. A page has one file here and one template in `templates/console`. It shows
//! the answers of the API's routes: handlers call the same functions, with the same rights. The credentials are in a
//! cookie, which counts nowhere else.
//!
//! The script in `assets` replaces the parts of a page that changed, and sends forms in place. Without it a form leads
//! to the page again.
//!
//! To add a page: a file with a struct that derives `Template` and has a [`Frame`](frame::Frame), its template, its
//! route in `routes`, and a line in the navigation in `frame`.

mod assets;
mod audit;
mod cause;
mod cookie;
mod due;
mod event_stream;
mod filter_form;
mod filters;
mod form;
mod frame;
mod holds;
mod job;
mod jobs;
mod keys;
mod later;
mod links;
mod matching;
mod multipart;
mod new;
mod origin;
mod overview;
mod pages;
mod pairs;
mod plot;
mod problem;
mod receipts;
mod root;
mod routes;
mod sampling;
mod schedules;
mod session;
mod sign_in;
mod targets;
mod words;
mod workers;

pub(crate) use problem::voice;
pub(crate) use root::at_root;
pub(crate) use routes::routes;
pub(crate) use sampling::sample;
