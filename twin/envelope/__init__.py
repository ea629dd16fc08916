"""A message as it arrives: CloudEvents read, checked, and written back."""
