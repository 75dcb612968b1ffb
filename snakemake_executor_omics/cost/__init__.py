"""What tasks and runs take and cost, on paper: pure, and below everything that plans runs."""
