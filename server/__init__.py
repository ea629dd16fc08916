"""The service over HTTP: application, identity, routes, command line. May import all other packages."""
