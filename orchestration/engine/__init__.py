"""The Dagster instance: storage, schedules, webserver."""
