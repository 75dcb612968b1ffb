"""Whether an account, a project and this machine are ready for a run."""
