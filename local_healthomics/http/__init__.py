"""The HTTP server, and the proxy for clients that put a prefix before the host."""
