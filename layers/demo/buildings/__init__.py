"""Houses of the synthetic district: blocks, villages, footprints and addresses."""
