"""The wire contract: what comes in, what goes out. Knows core values, never tables."""
