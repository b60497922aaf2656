"""Rate limits, in memory and across processes."""
