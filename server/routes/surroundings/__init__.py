"""What is computed around a place: by road, by sight, along waterways and routes."""
