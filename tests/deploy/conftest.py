"""One deployment for all tests of this folder."""

import contextlib
import secrets
from collections.abc import Iterator

import pytest

from deployment import (
    BUCKET,
    PYTHON,
    ROOT,
    SAM,
    TEMPLATE,
    Deployed,
    build,
    deploy,
    runtime_of_functions,
    start_ministack,
    start_simulator,
    version_of,
)
from filegate_local.children import Children


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Build, deploy, and give upstream's key to the stack as an operator would."""
    for needed in (SAM, PYTHON):
        if not needed.exists():
            pytest.skip(f"{needed.relative_to(ROOT)} is missing: `make deploy-check` makes it")
    directory = tmp_path_factory.mktemp("deploy")
    runtime = runtime_of_functions()
    runs = runtime == version_of(str(PYTHON)) == version_of(runtime)
    key = "AIza" + secrets.token_urlsafe(26)
    with Children(directory) as children:
        endpoint = start_ministack(children, directory)
        upstream = start_simulator(children, key)
        # MiniStack's events do not say under which name the API was called; AWS's do.
        parameters = {"UpstreamUrl": upstream, "PublicBaseUrl": "https://gateway.invalid"}
        template = build(directory) if runs else TEMPLATE
        stack = Deployed(endpoint, key, runs, template, parameters)
        with contextlib.closing(stack.client("s3")) as s3:
            s3.create_bucket(Bucket=BUCKET)
        deploy(stack)
        with contextlib.closing(stack.client("secretsmanager")) as manager:
            project = stack.resources["ProjectSecret"]
            manager.put_secret_value(SecretId=project, SecretString=key)
        yield stack


@pytest.fixture
def running(deployed: Deployed) -> Deployed:
    """The same, for tests that call its functions."""
    if not deployed.runs:
        pytest.skip(f"the functions need {runtime_of_functions()} on PATH: deployed unbuilt")
    return deployed
