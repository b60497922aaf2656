"""What a source declares: tables, columns, endpoints, and the values of their types."""
