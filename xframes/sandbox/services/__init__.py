"""What X runs in addition to the community: streams, uploads, compliance jobs, usage."""
