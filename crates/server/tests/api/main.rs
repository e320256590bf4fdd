//! The real server in this process, over real sockets, on a folder of its own; and the real binary.

mod process;
mod server;

mod access;
mod asking;
mod command_line;
mod description;
mod documents;
mod erasure;
mod intake;
mod journeys;
mod lists;
mod matrix;
mod nasty;
mod operations;
mod questions;
mod reference_tables;
mod segments;
mod web;
