"""How X writes: requests and their checks, pages, objects, problems, answers."""
