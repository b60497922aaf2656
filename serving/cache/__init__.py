"""Response cache: keys, tiers, single flight, refresh, publication and warm-up."""
