"""What collecting costs, and what to collect: spending, estimates, completion."""
