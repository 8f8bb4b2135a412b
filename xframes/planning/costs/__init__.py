"""What a collection costs, before it is collected."""
