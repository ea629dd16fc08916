"""Who is asking: tokens, and the guard of operators."""
