"""What a feature has to do with others: its areas, events, cameras, waterway, and those who answer for it."""
