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
        )
