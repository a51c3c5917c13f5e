"""`filegate project`: the upstream projects whose storage and keys tenants share."""

from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from filegate_cli.commands import Call, as_admin
from filegate_cli.output import Column, Resource, text_of
from filegate_cli.paths import admin_path
from filegate_cli.problems import Misuse, Problem
from filegate_cli.progress import counting
from filegate_cli.quantities import read_count, read_size, show_moment, show_size

app: Final = typer.Typer(help="Upstream projects: add, look at, drain, reconcile.")

_ROUNDS: Final = 1000

ProjectId = Annotated[str, typer.Argument(help="The project's id.", show_default=False)]
Capacity = Annotated[
    str | None, typer.Option("--capacity", help="Bytes it can store. Default: 20GiB, Google's own.")
]
Overcommit = Annotated[
    str | None,
    typer.Option(
        "--overcommit",
        help="Percent of its capacity that may be promised to tenants; `none` for no ceiling, "
        "which is the default.",
    ),
]

_ROWS: Final = (
    Column("Project", text_of("id")),
    Column("State", lambda one: "draining" if one.get("draining") else "ACTIVE"),
    Column("Capacity", lambda one: show_size(one.get("capacityBytes"))),
    Column("Left", lambda one: show_size(one.get("availableBytes"))),
    Column("Promised", lambda one: show_size(one.get("promisedBytes"))),
    Column("Overcommit", lambda one: _percent(one.get("overcommitPercent"))),
    Column("Tenants", text_of("tenants")),
    Column("Key taken", lambda one: show_moment(_health(one).get("lastOkTime"))),
    Column("Key refused", lambda one: show_moment(_health(one).get("lastRefusedTime"))),
    Column("Refusal", text_of("health", "lastRefusal")),
    Column("Secret", text_of("secret")),
    Column("Created", lambda one: show_moment(one.get("createTime"))),
)
_COLUMNS: Final = (
    _ROWS[0],
    _ROWS[1],
    Column("Capacity", _ROWS[2].read, right=True),
    Column("Left", _ROWS[3].read, right=True),
    Column("Promised", _ROWS[4].read, right=True),
    Column("Tenants", _ROWS[6].read, right=True),
    _ROWS[7],
    _ROWS[8],
)
_REPORT: Final = (
    Column("Project", text_of("project")),
    Column("Started", lambda one: show_moment(one.get("startTime"))),
    Column("Finished", lambda one: show_moment(one.get("finishTime"))),
    Column("Complete", text_of("complete")),
    Column("Files seen", text_of("filesSeen")),
    Column("Phantoms", lambda one: _findings(one, "phantoms")),
    Column("Deleted leaks", lambda one: _findings(one, "deleted")),
    Column("Lost upstream", lambda one: _findings(one, "lost")),
    Column("Deducted", lambda one: show_size(one.get("phantomBytes"))),
    Column("Drift", lambda one: show_size(one.get("driftBytes"))),
    Column("Corrected", lambda one: show_size(one.get("correctedBytes"))),
    Column("Unanswered", text_of("unanswered")),
)


@app.command("add")
@as_admin
def add(
    call: Call, project: ProjectId, capacity: Capacity = None, overcommit: Overcommit = None
) -> None:
    """Add an upstream project. Its Gemini key goes into the secret that the answer names.

    The key never passes this command or the admin API: put it into Secrets Manager yourself.

    Examples:

      filegate project add media-2

      filegate project add media-2 --capacity 20GiB --overcommit 150
    """
    body = {"id": project, **_read_changes(capacity, overcommit)}
    made = call.client.call("POST", admin_path("projects"), body, idempotency_key=uuid4().hex)
    call.output.one(made, _ROWS)
    if not call.output.as_json and made.get("secret"):
        call.output.note(
            f"Put its Gemini key into the secret {made['secret']} (aws secretsmanager "
            "create-secret, or put-secret-value where it exists)."
        )


@app.command("list")
@as_admin
def list_projects(call: Call) -> None:
    """List all upstream projects.

    Examples:

      filegate project list

      filegate project list --json | jq -r 'select(.draining).id'
    """
    call.output.many(
        call.client.pages(admin_path("projects"), "projects"),
        _COLUMNS,
        "No projects yet. `filegate project add` adds one.",
    )


@app.command("get")
@as_admin
def get(call: Call, project: ProjectId) -> None:
    """Show a project: capacity, what is promised, health of its key.

    Example:

      filegate project get default
    """
    call.output.one(call.client.call("GET", admin_path("projects", project)), _ROWS)


@app.command("update")
@as_admin
def update(
    call: Call, project: ProjectId, capacity: Capacity = None, overcommit: Overcommit = None
) -> None:
    """Change a project's capacity, or how much of it may be promised.

    Examples:

      filegate project update default --overcommit 200

      filegate project update default --capacity 50GiB
    """
    changes = _read_changes(capacity, overcommit)
    if not changes:
        raise Misuse(
            "Nothing to change was named.",
            "Name --capacity or --overcommit, as in "
            f"`filegate project update {project} --overcommit 200`.",
        )
    changed = call.client.call("PATCH", admin_path("projects", project), changes)
    call.output.one(changed, _ROWS)


@app.command("drain")
@as_admin
def drain(call: Call, project: ProjectId) -> None:
    """Place no new tenants on a project. Those it has stay and go on.

    Example:

      filegate project drain default
    """
    path = admin_path("projects", project, verb="drain")
    call.output.one(call.client.call("POST", path, {}), _ROWS)


@app.command("undrain")
@as_admin
def undrain(call: Call, project: ProjectId) -> None:
    """Let a draining project have new tenants again.

    Example:

      filegate project undrain default
    """
    path = admin_path("projects", project, verb="undrain")
    call.output.one(call.client.call("POST", path, {}), _ROWS)


@app.command("reconcile")
@as_admin
def reconcile(call: Call, project: ProjectId) -> None:
    """Compare a project's records with what upstream really has, and repair what is safe.

    It happens by itself once a day. A large project takes several steps, which this waits for.

    Examples:

      filegate project reconcile default

      filegate project reconcile default --json | jq .driftBytes
    """
    path = admin_path("projects", project, verb="reconcile")
    with counting(f"Comparing {project}", "files seen") as show:
        for _ in range(_ROUNDS):
            report = call.client.call("POST", path, {})
            show(int(report.get("filesSeen") or 0))
            if report.get("finishTime"):
                break
        else:
            raise Problem(
                f"The comparison of {project} is not at its end yet.",
                "Run the same command later: it goes on.",
            )
    call.output.one(report, _REPORT)


@app.command("reconciliation")
@as_admin
def reconciliation(call: Call, project: ProjectId) -> None:
    """Show what the last comparison of a project found.

    Example:

      filegate project reconciliation default
    """
    path = admin_path("projects", project, "reconciliation")
    call.output.one(call.client.call("GET", path), _REPORT)


def _read_changes(capacity: str | None, overcommit: str | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if capacity is not None:
        changes["capacityBytes"] = read_size(capacity)
    if overcommit is not None:
        percent = None if overcommit == "none" else read_count(overcommit.removesuffix("%"))
        changes["overcommitPercent"] = percent
    return changes


def _health(project: Resource) -> Resource:
    health = project.get("health")
    return health if isinstance(health, dict) else {}


def _percent(value: object) -> str:
    return "no ceiling" if value is None else f"{value} %"


def _findings(report: Resource, kind: str) -> str:
    found: Resource = report.get(kind) or {}
    count = int(found.get("count") or 0)
    if not count:
        return "none"
    names = " ".join(found.get("names") or ())
    return f"{count} files, {show_size(found.get('bytes'))}: {names}"
