"""How a report looks to people and to machines. Nothing here computes a verdict."""
