"""What each page reads and hands to its template."""
