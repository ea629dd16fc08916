"""Two layers joined by place: what lies within what, or what is nearest, as pairs or counted."""
