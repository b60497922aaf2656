"""The cached HTTP API and the HTML pages over the published marts."""
