"""Review of the policy, as the role-based access control of INCITS 359 calls it: its faults, and what roles see."""
