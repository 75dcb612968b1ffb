"""What people are told of a workflow before it runs: pure, from what was planned to a page."""
