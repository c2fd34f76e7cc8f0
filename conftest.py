"""The blocks of a derivation page share one namespace, so under pytest-xdist a file's tests stay together."""


def pytest_configure(config):
    """`-n 2` means loadfile here, whatever else it defaults to."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "loadfile"
