"""States of runs and tasks that end nothing more can follow."""

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
LIVE = ("STARTING", "RUNNING", "STOPPING")
