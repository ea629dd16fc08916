"""Operations that answer with people, areas and addresses."""

from server.routes.answers import addresses, datums, jobs, processes, related, responsibility, services

ANSWERS = (responsibility, related, addresses, services, processes, jobs, datums)
"""The modules of these routes, in the order in which they are tried and described."""
