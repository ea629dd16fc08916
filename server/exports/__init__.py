"""Who takes much home: the allowance of each reader, approvals beyond it, and the watermark of what was taken."""
