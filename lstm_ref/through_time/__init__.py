"""Ways through time beyond the plain loop: pieces, both directions, forward accumulation, parallel forms."""
