//! Durable events: log, buffer, open tables, identities, and columns held in memory.
