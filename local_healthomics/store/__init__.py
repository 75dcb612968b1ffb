"""Documents in SQLite: what the service remembers."""
