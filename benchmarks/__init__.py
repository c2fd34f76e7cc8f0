"""Measurements, one file per question, run by one command: `python -m benchmarks`."""

QUESTIONS = {
    "gradient": "gradient_speed",
    "sizes": "sizes",
    "scaling": "scaling",
    "profile": "profile",
    "pieces": "pieces",
    "verification": "verification",
    "strangers": "strangers_files",
    "memory": "memory",
    "devices": "multi_device",
    "gpu": "gpu_kernels",
}
"""By question, the module here that answers it, by `measure(setting) -> rows` and `table(rows) -> what is printed`."""

COMMANDS = ("mutation", "false_alarms")
"""Other long runs, each with a command of its own."""
