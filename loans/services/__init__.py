"""Use cases: lock, load, ask the core, write. They receive a session and never commit."""
