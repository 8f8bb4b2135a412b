"""From a plan to its pages: by tokens and batches, or from a stream."""
