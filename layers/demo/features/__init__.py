"""Points, people and events of the synthetic district."""
