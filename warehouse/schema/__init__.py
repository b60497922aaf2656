"""Apply migrations, and create staging tables, roles and grants."""
