"""Other frameworks: their parameter layouts, agreement with them, and test vectors for other languages."""
