//! The kernel against the oracle on random events, and both against examples worked out by hand.

mod examples;
mod funnel;
mod pathway;
mod random;
mod retention;
