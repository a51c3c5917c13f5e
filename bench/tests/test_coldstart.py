"""What a cold start is measured without."""

from pathlib import Path

from bench.coldstart import absent_in_layer


def test_what_only_a_desk_has_is_hidden() -> None:
    absent = absent_in_layer()
    assert {"uvloop", "httptools", "rich", "pytest"} <= set(absent)
    assert {"httpx", "uvicorn", "boto3", "botocore", "dateutil", "filegate"}.isdisjoint(absent)


def test_the_layer_is_read_from_its_lock_file(tmp_path: Path) -> None:
    layer = tmp_path / "requirements.txt"
    layer.write_text("typing-extensions==4.1 \\\n    --hash=sha256:00\n")
    absent = absent_in_layer(layer)
    assert "httpx" in absent
    assert "typing_extensions" not in absent
