"""What runs did, used and cost, once they are there: a page, a table, JSON, and advice from it."""
