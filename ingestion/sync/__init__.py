"""A sync of a source: select what is due, fetch, land, report."""
