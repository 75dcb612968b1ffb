"""One run's life: submission, journal, following it, and what it left."""
