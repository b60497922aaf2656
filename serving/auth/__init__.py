"""API keys, hosts and clients without a key."""
