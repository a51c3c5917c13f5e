"""What a stack with `--data-dir` knows, it knows again after a clean restart."""

import io
from pathlib import Path

from local_stack import run_stack
from resumable import start


def test_tenants_files_and_quota_survive_a_restart(tmp_path: Path) -> None:
    with run_stack(tmp_path) as stack:
        acme = stack.seeded()
        name = acme.sdk.files.upload(
            file=io.BytesIO(b"x" * 1_234), config={"mime_type": "text/plain"}
        ).name
        assert name is not None
        file = acme.sdk.files.get(name=name)
        assert start(acme, 5_000).status_code == 200
        available = stack.available(acme)
        page = acme.sdk.files.list(config={"page_size": 1})
        assert [listed.name for listed in page] == [name]

    with run_stack(tmp_path) as stack:
        again = stack.seeded()
        assert name in stack.upstream_files()
        assert (again.id, again.key) == (acme.id, acme.key)
        assert again.sdk.files.get(name=name) == file
        assert stack.available(again) == available
        again.sdk.files.delete(name=name)
        assert stack.available(again) == available + 1_234
        stack.advance(3_600)
        stack.run_janitor()
        assert stack.records(again) == []
        stack.assert_conserved()
