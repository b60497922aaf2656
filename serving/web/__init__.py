"""HTML pages, rendered on the server from cached responses, without scripts and external requests."""
