"""Other ways to run a cell through time: pieces, many devices, both directions, forward accumulation, parallel
forms."""
