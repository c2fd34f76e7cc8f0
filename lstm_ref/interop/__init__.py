"""Everyone's LSTM: parameter layouts of the frameworks, conformance to them, and vectors for the rest of the world."""
