"""Machine-readable descriptions of the interface: OpenAPI, AsyncAPI and the reference pages."""
