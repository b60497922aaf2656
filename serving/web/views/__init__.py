"""Views: each reads the data of a page for its template."""
