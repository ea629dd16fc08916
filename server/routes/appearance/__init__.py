"""How the map looks: styles, themes, base maps."""
