"""OGC API - Moving Features, read: where features of moving layers were, and what they measured, as MF-JSON."""
