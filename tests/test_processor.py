"""The facts of a processor, as the kernel tells them."""

from lstm_ref import processor

CPUINFO = """processor : 0
model name : AMD EPYC
cpu family : 25
model : 17
stepping : 1
flags : fpu sse2 avx512f smep avx2

processor : 1
model name : another
"""


def test_a_processor_is_told_by_its_model_its_caches_and_its_vectors(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(CPUINFO)
    for n, fact in enumerate((("1", "Data", "32K", "0"), ("3", "Unified", "32768K", "0-1"))):
        index = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{n}"
        index.mkdir(parents=True)
        for name, text in zip(("level", "type", "size", "shared_cpu_list"), fact, strict=True):
            (index / name).write_text(text + "\n")
    found = processor.facts(tmp_path)
    assert found["processor"] == "AMD EPYC (family 25 model 17 stepping 1)"
    assert found["caches"] == "L1d 32K, L3 32768K of 0-1"
    assert found["vector extensions"] == "avx2 avx512f sse2"
    nothing = processor.facts(tmp_path / "none")
    assert nothing["caches"] == nothing["vector extensions"] == "unknown"
