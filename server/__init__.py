"""Who may see it, over HTTP: wiring, identity, routes, command line. May import all other packages."""
