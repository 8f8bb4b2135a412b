"""X's search language: its syntax, and the test of posts by a query."""
