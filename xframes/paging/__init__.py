"""Fetch the pages of a plan, by tokens and batches or from a stream."""
