"""The dbt project: its graph, its commands, its documentation."""
