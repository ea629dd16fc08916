"""The wire: listening sockets, TLS, and connections with a timeout for every wait; it knows no requests."""
