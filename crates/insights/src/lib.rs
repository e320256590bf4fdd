//! Segments and analytics: what a question means in terms of the engine.
