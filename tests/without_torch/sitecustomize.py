"""On the path of a test's processes, torch is not installed: to import it takes each of them four seconds."""

import sys

sys.modules["torch"] = None
