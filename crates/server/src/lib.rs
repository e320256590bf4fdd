//! The one binary: HTTP, the command line, configuration.
