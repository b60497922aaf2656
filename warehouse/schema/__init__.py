"""Migrations, and the tables and grants that they leave."""
