"""What proves the gradients of this package: its problems, and every mistake that could be made in them."""
