"""The models of the tutorials, built from cells and layers, trainable on real text."""
