"""Other ways through time: pieces, many devices, both directions, forward accumulation, parallel forms."""
