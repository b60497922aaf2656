"""Tables of the schema `ops`: what is tracked, cursors, API keys."""
