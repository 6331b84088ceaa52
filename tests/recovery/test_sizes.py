"""What pods ask for and what instance types have."""

import pytest

from relight.recovery.sizes import architecture, memory_mib, quantity


@pytest.mark.parametrize(
    ("kind", "mib", "arch"),
    [
        ("m7g.large", 8192, "arm64"),
        ("t4g.small", 2048, "arm64"),
        ("t4g.nano", 512, "arm64"),
        ("r7g.2xlarge", 65536, "arm64"),
        ("c7gn.medium", 2048, "arm64"),
        ("m7i.xlarge", 16384, "amd64"),
        ("hpc7g.16xlarge", None, "arm64"),
        ("whatever", None, "amd64"),
    ],
)
def test_instance_types(kind: str, mib: int | None, arch: str) -> None:
    assert (memory_mib(kind), architecture(kind)) == (mib, arch)


@pytest.mark.parametrize(
    ("text", "number"), [("128Mi", 2**27), ("1G", 1e9), ("1.5Gi", 1.5 * 2**30), ("500m", 0.5), (7, 7), ("1e3", 1000)]
)
def test_quantities(text: object, number: float) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "lots", "1Qi", "Mi"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)
