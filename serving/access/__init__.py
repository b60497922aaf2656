"""Who may ask, how much, and what browsers are told: decided before the cache is looked at, without any I/O."""
