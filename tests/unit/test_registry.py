"""Registry: no key is issued that could never be used."""

from typing import TYPE_CHECKING, cast

import pytest

from filegate.registry import Registry

if TYPE_CHECKING:
    from filegate.adapters.table import Table


@pytest.mark.parametrize("tenant", ["", "Acme", "a_b", "-a", "a" * 32, "ä", "a b"])
def test_what_is_no_tenant_id_gets_no_key_and_no_record(tenant: str) -> None:
    registry = Registry(cast("Table", None))
    with pytest.raises(ValueError, match="no tenant id"):
        registry.issue_key(tenant, "label", 0)
    with pytest.raises(ValueError, match="no tenant id"):
        registry.create_tenant(tenant, "default", 0)
