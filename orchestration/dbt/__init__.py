"""The dbt project: graph, manifests, commands, results, documentation, contracts."""
