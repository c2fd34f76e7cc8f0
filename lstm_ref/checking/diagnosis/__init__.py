"""What is wrong with a wrong gradient."""
