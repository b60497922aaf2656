"""Access control: API keys, allowed hosts, clients without a key."""
