"""What rights cost: one module for each question, all run by ``onemap bench rights``."""
