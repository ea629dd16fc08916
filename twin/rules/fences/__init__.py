"""Moving things against areas: who goes in, goes out, stays, passes through. A layer of polygons is a set of fences."""
