"""The user's code: how it computes, in what precision, and what its values are called."""
