"""Who may read what, and the headers that browsers need."""
