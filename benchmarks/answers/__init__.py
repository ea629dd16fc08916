"""How fast questions are answered, on the demo."""
