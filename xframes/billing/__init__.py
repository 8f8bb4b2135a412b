"""What X bills: the price card, the ledger of requests, and budgets. Below the client."""
