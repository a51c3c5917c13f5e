"""docs/guides/saas-backend.md is run here, as it stands there, and prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from admin_api import AdminApi, refused_admin
from local_stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "saas-backend.md").read_text()
PROGRAM = re.compile(r"<!-- backend\.py[^>]* -->\n```python\n(.*?)```", re.DOTALL)
SESSION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)


def typed(stack: LocalStack, directory: Path, session: str) -> None:
    """Type a session at a prompt beside the guide's program; it has to print what it says."""
    program = "\n\n".join(block.strip() + "\n" for block in PROGRAM.findall(GUIDE))
    (directory / "backend.py").write_text(program)
    (directory / "session").write_text(session)
    done = subprocess.run(
        [sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "-f", "session"],
        env={
            **os.environ,
            "FILEGATE_URL": stack.base_url,
            "FILEGATE_ADMIN_KEY": str(stack.ready["admin_key"]),
        },
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def of_tag(stack: LocalStack, tag: str) -> list[str]:
    """Files of a tenant that upstream really has."""
    return [name for name in stack.upstream_files() if name.startswith(f"files/{tag}")]


def test_a_customer_comes_and_goes(stack: LocalStack, admin: AdminApi, tmp_path: Path) -> None:
    typed(stack, tmp_path, "\n".join(SESSION.findall(GUIDE)))
    tag = admin.get("/tenants/c4711")["tag"]
    assert not of_tag(stack, tag)
    assert admin.actions("tenants/c4711") == [
        "tenants.create",
        "keys.issue",
        "tenants.changeLimits",
        "tenants.suspend",
        "tenants.resume",
        "keys.rotate",
        "tenants.delete",
        "tenants.deleted",
    ]
    again = admin.got("DELETE", "/tenants/c4711")
    assert again["done"] is True
    assert (again["usage"]["uploads"], again["usage"]["bytesIn"]) == (4, 60_000_012)
    [row] = admin.get("/usage", tenant="c4711", **{"from": again["usage"]["from"]})["usage"]
    assert row["uploads"] == 4
    refused_admin(admin.ask("POST", "/tenants", {"id": "c4711"}), 409, "ALREADY_EXISTS")
    assert admin.get("/tenants/c4712")["state"] == "ACTIVE"


def test_a_sign_up_that_broke_off_is_done_again(
    stack: LocalStack, admin: AdminApi, tmp_path: Path
) -> None:
    session = """
>>> from backend import *
>>> sign_up("broken", "starter")
>>> SECRETS.clear()
>>> sign_up("broken", "starter")
>>> sign_up("broken", "starter")
>>> usage("broken")["bytes stored"]
0
"""
    typed(stack, tmp_path, session)
    keys = admin.get("/tenants/broken/keys")["keys"]
    assert sorted(key["state"] for key in keys) == ["ACTIVE", "REVOKED"]
    assert admin.actions("tenants/broken").count("tenants.create") == 1


def test_what_the_guide_says_of_plans(stack: LocalStack, admin: AdminApi, tmp_path: Path) -> None:
    session = """
>>> from backend import *
>>> from io import BytesIO
>>> sign_up("smaller", "business")
>>> name = upload("smaller", BytesIO(bytes(50_000_001)), "application/pdf")
>>> ready("smaller", name)
True
>>> change_plan("smaller", "starter")
>>> usage("smaller")
{'files uploaded': 1, 'tokens': 0, 'bytes stored': 50000001}
>>> upload("smaller", BytesIO(b"x"), "text/plain")
Traceback (most recent call last):
    ...
backend.Refused: Your storage is full. There will be room in 48 hours, or now if you delete files.
>>> old = SECRETS["smaller"]
>>> rotate("smaller")
>>> path = f"/tenants/smaller/keys/{old['id']}:rotate"
>>> new = admin("POST", path, {"overlap": "60s"})  # the answer to the first got lost
>>> SECRETS["smaller"]["id"] == old["id"]
False
>>> SECRETS["smaller"] = old
>>> ready("smaller", name)
True
>>> pause("smaller")
>>> keep("smaller", new)  # no instance remembers it
>>> ask("smaller", "What is in it?", name)
Traceback (most recent call last):
    ...
backend.Refused: Your account is paused, as a payment is missing.
"""
    typed(stack, tmp_path, session)
    tenant = admin.get("/tenants/smaller")
    limits = tenant["limits"]
    assert (limits["storageBytes"], limits["fileBytes"]) == (50_000_000, 20_000_000)
    assert (limits["requestsPerMinute"], limits["models"]) == (30, ["gemini-2.5-flash"])
    assert admin.get("/usage", tenant="smaller")["usage"][0]["uploads"] == 1
    assert of_tag(stack, tenant["tag"])
    assert admin.got("DELETE", "/tenants/smaller")["done"] is True


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)#]+)\)", GUIDE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / "guides" / link).exists()
