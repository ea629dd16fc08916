"""Machine-readable descriptions of the interface: OpenAPI and AsyncAPI."""
