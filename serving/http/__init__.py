"""The HTTP API: a cache-first middleware, with FastAPI behind it."""
