"""What is computed around a place: by road, by sight, along waterways and routes."""

from server.routes.surroundings import coverage, sight, travel, water

SURROUNDINGS = (travel, sight, water, coverage)
"""The modules of these routes, in the order in which they are tried and described."""
