"""The seeded synthetic district: labelled synthetic, at any scale."""
