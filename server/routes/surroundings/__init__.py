"""What is computed around a place: by road, by sight, along waterways and routes."""

from server.routes.surroundings import broadcast, coverage, population, sight, travel, water

SURROUNDINGS = (travel, sight, water, coverage, population, broadcast)
"""The modules of these routes, in the order in which they are tried and described."""
