"""Everything breaks while a city sends: nothing acknowledged is lost, and nothing counts twice."""
