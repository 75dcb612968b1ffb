"""Read sets and references: what the storage operations share."""
