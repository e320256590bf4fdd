//! For tests only: event builders and the rules that the repository keeps.
