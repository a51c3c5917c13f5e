"""Settings: what a function is told by its environment, read once when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass


class SettingMissing(Exception):
    """A function was deployed without a setting it needs; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Where the table, the secrets and the upstream are (template.yaml: Globals)."""

    table_name: str
    session_keys_secret: str
    project_secret_prefix: str
    upstream_url: str
    public_base_url: str
    """Base URL clients use; empty if it is the one of the request itself."""
    admin_secret: str = ""
    """Name or ARN of the secret that the admin API takes; empty but for its function."""
    event_bus: str = ""
    """Name of the EventBridge bus that is told of usage and alerts; empty for none."""
    requests_counted_every: float = 5.0
    """Seconds an instance may hold what it counts of a tenant's requests; 0 holds nothing."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read settings from environment variables. Raises SettingMissing."""

        def required(name: str) -> str:
            value = environment.get(name, "")
            if not value:
                raise SettingMissing(f"the environment variable {name} is not set")
            return value

        return cls(
            table_name=required("TABLE_NAME"),
            session_keys_secret=required("SESSION_KEYS_SECRET"),
            project_secret_prefix=required("PROJECT_SECRET_PREFIX"),
            upstream_url=required("UPSTREAM_URL").rstrip("/"),
            public_base_url=environment.get("PUBLIC_BASE_URL", "").rstrip("/"),
            admin_secret=environment.get("ADMIN_SECRET", ""),
            event_bus=environment.get("EVENT_BUS", ""),
            requests_counted_every=float(environment.get("REQUESTS_COUNTED_EVERY") or 5),
        )
