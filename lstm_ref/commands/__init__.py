"""The commands of `lstm-ref`, one file each. Nothing heavy is imported before a command runs."""
