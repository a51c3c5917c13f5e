"""What a function loads before its first request: each needless module costs every cold start."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
AWS_CLIENTS: Final = ("boto3", "botocore.session", "botocore.client", "urllib3", "requests")
"""Signing and sending are the adapter's own; botocore itself holds Powertools' user agent."""
WEB: Final = ("starlette", "uvicorn", "anyio", "asyncio", "filegate.adapters.upstream_stream")
PYDANTIC: Final = ("pydantic", "pydantic_core", "filegate.wire")
OPERATORS: Final = (
    *("filegate.edge.admin_wiring", "filegate.edge.admin_routes", "filegate.key_registry"),
    *("filegate.project_registry", "filegate.tenant_deletion", "filegate.usage_reports"),
    *("filegate.reconciliation", "filegate.ledger_report", "filegate.idempotency"),
)
JANITOR: Final = ("filegate.janitor", "filegate.loose_ends", "filegate.usage_hours")
MODELS: Final = ("filegate.model_calls", "filegate.caches", "filegate.batches", "filegate.answers")
UPLOADS: Final = ("filegate.uploads", "filegate.upload_requests", "filegate.multipart")
STORES: Final = ("filegate.stores", "filegate.documents", "filegate.document_uploads")
CONTENT: Final = ("filegate.references", "filegate.batch_inputs", "filegate.ownership")

FORBIDDEN: Final[Mapping[str, Sequence[str]]] = {
    "sessions": (
        *(*AWS_CLIENTS, *WEB, *PYDANTIC, *OPERATORS, *JANITOR, *MODELS, *UPLOADS, *STORES),
        *(*CONTENT, "httpx", "filegate.adapters.upstream", "filegate.edge.upstream_wiring"),
        # A chunk that ends an upload loads them, a plain one never.
        *("filegate.ledger", "filegate.usage", "filegate.outbox", "filegate.storage_alerts"),
        "aws_lambda_powertools.event_handler",
    ),
    "files": (*AWS_CLIENTS, "starlette", "uvicorn", *OPERATORS, *JANITOR, *MODELS, *STORES),
    "stores": (*AWS_CLIENTS, "starlette", "uvicorn", *OPERATORS, *JANITOR, *MODELS, *CONTENT),
    "generate": (
        *(*AWS_CLIENTS, *OPERATORS, *JANITOR, *UPLOADS, *STORES),
        "aws_lambda_powertools.event_handler",
    ),
    "janitor": (
        *(*AWS_CLIENTS, "starlette", "uvicorn", *MODELS, *UPLOADS, *STORES, *CONTENT),
        *(
            "aws_lambda_powertools.event_handler",
            "filegate.key_registry",
            "filegate.reconciliation",
        ),
    ),
    "reconciler": (*AWS_CLIENTS, "starlette", "uvicorn", *MODELS, *UPLOADS, *STORES, *CONTENT),
    # Its reports know operations and hours by their names.
    "admin": (
        *(*AWS_CLIENTS, "starlette", "uvicorn", *UPLOADS, *STORES, "filegate.batch_inputs"),
        *("filegate.janitor", "filegate.loose_ends", "filegate.caches", "filegate.batches"),
    ),
}
"""Modules that each function must not have loaded when its `app` is imported."""

_LIST = "import json, sys; import app; json.dump(sorted(sys.modules), sys.stdout)"


def loaded(function: str) -> set[str]:
    """Every module of a fresh interpreter that imports a function's `app`."""
    settings = ("TABLE_NAME", "SESSION_KEYS_SECRET", "PROJECT_SECRET_PREFIX", "UPSTREAM_URL")
    environment = {
        **os.environ,
        **dict.fromkeys(settings, "x"),
        "ADMIN_SECRET": "x",
        "POWERTOOLS_SERVICE_NAME": "filegate",
        "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
        "PYTHONPATH": str(ROOT / "layers" / "filegate"),
    }
    listed = subprocess.run(
        [sys.executable, "-c", _LIST],
        cwd=ROOT / "functions" / function,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return set(json.loads(listed.stdout))


def test_every_function_is_on_the_list() -> None:
    assert set(FORBIDDEN) == {path.parent.name for path in ROOT.glob("functions/*/app.py")}


@pytest.mark.parametrize("function", FORBIDDEN)
def test_a_function_loads_nothing_it_has_no_business_with(function: str) -> None:
    there = loaded(function)
    assert "app" in there
    assert there.isdisjoint(FORBIDDEN[function]), there.intersection(FORBIDDEN[function])


def test_every_forbidden_module_exists() -> None:
    """A module that was renamed would be forbidden for ever, and do no harm."""
    names = sorted({name for forbidden in FORBIDDEN.values() for name in forbidden})
    check = (
        "import importlib.util, sys; [importlib.util.find_spec(n) or exit(n) for n in sys.argv[1:]]"
    )
    subprocess.run(
        [sys.executable, "-c", check, *names],
        env={**os.environ, "PYTHONPATH": str(ROOT / "layers" / "filegate")},
        check=True,
    )
