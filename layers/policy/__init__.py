"""The policy: roles and rules as data, and what they give to whom on a layer."""
