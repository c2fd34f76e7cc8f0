"""What people get wrong in a backward pass: mistakes made by the rules, from the hand-written equations themselves."""
