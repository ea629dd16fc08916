"""Maps of layers as images, for clients that draw no vector tiles."""
