"""Rate limits: leases in memory, buckets that all processes share in Redis."""
