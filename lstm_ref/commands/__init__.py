"""The commands of `lstm-ref`, one file each. Heavy modules are imported only when a command runs."""
