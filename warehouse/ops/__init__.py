"""Access to tables of the schema `ops`: tracked entities, cursors, syncs and API keys."""
