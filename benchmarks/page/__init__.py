"""The page in a real browser: how soon it is drawn, what it weighs, and how it stands a storm."""
