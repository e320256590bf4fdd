//! From bytes on the wire or in a file to validated, enriched events.
