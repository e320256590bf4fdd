//! The one binary: configuration, HTTP, the command line.
//!
//! Reading order: [`config`] (what it is told), [`services`] (what a request may use), [`problem`] (what went wrong as
//! a status and a body), [`auth`] and [`client_address`] (who asks), [`envelope`] (the shape of requests and answers),
//! [`tail`] (what comes in), [`routes`] (all paths), [`web`] (the web app), [`start`] (a running server), [`demo`] (a made-up shop), [`cli`].

mod auth;
pub mod cli;
mod client_address;
mod config;
mod demo;
mod envelope;
mod guard;
mod metrics;
mod problem;
mod routes;
mod services;
mod start;
mod tail;
mod telemetry;
mod web;

pub use config::{Config, ConfigError, LogFormat, ServeFlags};
pub use start::{Server, StartError, system_clock};

/// The API's description as served at `/api/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::openapi()
}
