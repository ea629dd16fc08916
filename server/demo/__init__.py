"""The demo: the synthetic district is loaded; a storm and recorded feeds are played."""
