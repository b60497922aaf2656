"""Pages for people: HTML made here, of what the cache answers, with no script and no request to anybody else."""
