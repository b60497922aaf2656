"""HTTP requests to a source: client, retries, rate limits, size limits, classification of errors."""
