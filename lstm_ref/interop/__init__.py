"""What this package shares with others: conformance vectors."""
