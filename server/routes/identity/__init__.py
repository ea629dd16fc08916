"""Routes about who asks: logins, the session, break-glass, approvals of exports, and what references stand for."""
