"""What the page is made of: assets, fonts, outline and the map document."""
