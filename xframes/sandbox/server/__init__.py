"""The HTTP side: connections, credentials, rate limits, faults, and the application."""
