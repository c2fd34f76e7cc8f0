"""The user's code: how it computes, in what precision, and how it names its values."""
