"""What a query sees: one view per table, of the newest known values."""
