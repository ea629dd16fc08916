"""The demo: the synthetic district is loaded, the storm and recorded feeds are replayed."""
