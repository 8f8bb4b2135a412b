"""What X runs besides the community: streams, uploads, compliance jobs, usage."""
