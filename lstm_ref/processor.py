"""What a time on a CPU depends on beside the program: model, caches, vector extensions.

A name like "AMD EPYC" is that of processors five generations apart; family, model and stepping tell them apart.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

VECTORS = re.compile(r"s?sse.*|avx.*|amx.*|fma4?|f16c|neon|asimd.*|sve.*|sme2?")
"""The flags that are names of vector extensions."""


def facts(root: Path = Path("/")) -> dict[str, str]:
    """The facts as texts. Where the system does not tell, "unknown"."""
    lines = _lines(root / "proc" / "cpuinfo")
    first = dict(reversed([line for line in lines if line[0]]))  # of several processors the first one's
    name = first.get("model name") or first.get("CPU part") or platform.processor() or "unknown"
    parts = (("family", "cpu family"), ("model", "model"), ("stepping", "stepping"))
    numbers = " ".join(f"{word} {first[key]}" for word, key in parts if key in first)
    flags = (first.get("flags") or first.get("Features") or "").split()
    return {
        "processor": f"{name} ({numbers})" if numbers else name,
        "caches": ", ".join(_caches(root / "sys/devices/system/cpu/cpu0/cache")) or "unknown",
        "vector extensions": " ".join(sorted(f for f in flags if VECTORS.fullmatch(f))) or "unknown",
    }


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lines(path: Path) -> list[tuple[str, str]]:
    """The lines "key : value" of a file of the kernel."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    pairs = (line.partition(":") for line in text.splitlines())
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _caches(folder: Path) -> list[str]:
    """The caches of a processor, as "L1d 32K"; with the processors that share one, if several do."""
    found = []
    for index in sorted(folder.glob("index*")):
        fact = {name: (index / name).read_text().strip() for name in ("level", "type", "size", "shared_cpu_list")}
        kind = {"Data": "d", "Instruction": "i"}.get(fact["type"], "")
        shared = fact["shared_cpu_list"]
        found.append(f"L{fact['level']}{kind} {fact['size']}" + (f" of {shared}" if shared != "0" else ""))
    return found
