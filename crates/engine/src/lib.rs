//! Plans and runs questions: DataFusion with Whodid's own operators.
