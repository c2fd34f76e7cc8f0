"""Measurements, one file a question, asked by one command: `python -m benchmarks`."""

QUESTIONS = {
    "gradient": "gradient_speed",
    "sizes": "sizes",
    "scaling": "scaling",
    "pieces": "pieces",
    "verification": "verification",
    "memory": "memory",
    "devices": "multi_device",
    "gpu": "gpu_kernels",
}
"""By name: the module here that answers it, by `measure(setting) -> rows` and `table(rows) -> what is printed`."""

COMMANDS = ("mutation", "false_alarms")
"""Long runs of another kind, each a command of its own."""
