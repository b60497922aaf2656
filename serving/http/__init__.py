"""The HTTP API: a cache-first layer, and FastAPI behind it."""
