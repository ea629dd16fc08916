"""What the commands about accounts, tokens and approvals share."""
