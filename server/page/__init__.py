"""The parts of the page: assets, fonts, outline and the map document."""
