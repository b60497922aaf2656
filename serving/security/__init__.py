"""Access rules of the operator, and the CORS and security headers of responses."""
