"""Training any model: settings, updates, early stopping, and checkpoints from which a run resumes with the same
numbers."""
