"""Training any model: settings, updates, early stop, checkpoints from which a run goes on to the same numbers."""
