"""Who answers for a place, a matter or an object, who of them is on duty, and who patrols near a place."""
