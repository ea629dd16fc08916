"""Services for people: the sites that are open for a matter."""
