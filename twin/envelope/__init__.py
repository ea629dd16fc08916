"""A message as it arrives: CloudEvents read, checked, and written back. The time of a message is checked in `values`."""
