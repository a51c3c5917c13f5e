"""Idempotency: one thing is made, however often and however much at once it is asked for."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.conftest import TABLE
from tests.unit.held import refusal

from filegate.adapters.aws_service import AwsService
from filegate.adapters.table import ConditionsFailed, Put, Table
from filegate.admin_errors import (
    IDEMPOTENCY_KEY_INVALID,
    IDEMPOTENCY_KEY_REUSED,
    AlreadyExists,
    tenant_exists,
)
from filegate.idempotency import KEPT, Attempt, Idempotency, Made
from filegate.instants import SECOND

NOW = 1_790_000_000_000
NEW = "attribute_not_exists(pk)"


class World:
    """Things that are made once, each beside the answer that tells of it."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.idempotency = Idempotency(table)
        self.made = 0

    def once(self, attempt: Attempt | None, thing: str, now: int = NOW) -> Made:
        def make() -> Mapping[str, Any]:
            answer = {"id": thing}
            writes = [Put({"pk": thing, "sk": thing}, NEW)]
            if attempt is not None:
                writes.append(attempt.record(answer, now))
            try:
                self.table.transact(writes)
            except ConditionsFailed as failure:
                if 0 in failure.items:
                    raise AlreadyExists(tenant_exists(thing)) from None
                raise
            self.made += 1
            return answer

        return self.idempotency.once(attempt, now, make)


@pytest.fixture
def world(dynamodb: AwsService) -> World:
    return World(Table(dynamodb, TABLE))


def attempt(key: str, body: str = "{}", scope: str = "POST /things") -> Attempt:
    read = Attempt.read(key, scope, body)
    assert read is not None
    return read


def test_again_is_the_same_answer(world: World) -> None:
    assert world.once(attempt("k"), "a") == Made({"id": "a"}, again=False)
    assert world.once(attempt("k"), "a") == Made({"id": "a"}, again=True)
    assert world.made == 1


def test_without_a_key_nothing_is_remembered(world: World) -> None:
    assert Attempt.read(None, "POST /things", "{}") is None
    world.once(None, "a")
    with pytest.raises(AlreadyExists):
        world.once(None, "a")


def test_another_body_is_refused(world: World) -> None:
    world.once(attempt("k"), "a")
    assert refusal(lambda: world.once(attempt("k", "{1}"), "b")) == IDEMPOTENCY_KEY_REUSED
    assert world.made == 1


def test_another_scope_is_another_attempt(world: World) -> None:
    world.once(attempt("k"), "a")
    assert not world.once(attempt("k", scope="POST /others"), "b").again


@pytest.mark.parametrize("key", ["", "x" * 129, "\n", "ä", "\x7f"])
def test_what_is_no_key(key: str) -> None:
    assert refusal(lambda: Attempt.read(key, "s", "b")) == IDEMPOTENCY_KEY_INVALID


def test_a_duplicate_that_was_faster_answers_for_both(world: World) -> None:
    """Between looking for the answer and making the thing, somebody else made it."""
    slow, fast = attempt("k"), attempt("k")

    def make() -> Mapping[str, Any]:
        world.once(fast, "a")
        return world.once(None, "a").answer

    assert world.idempotency.once(slow, NOW, make) == Made({"id": "a"}, again=True)


def test_a_faster_duplicate_of_another_body_is_told_of(world: World) -> None:
    def make() -> Mapping[str, Any]:
        world.once(attempt("k", "{1}"), "a")
        return world.once(None, "a").answer

    refused = refusal(lambda: world.idempotency.once(attempt("k"), NOW, make))
    assert refused == IDEMPOTENCY_KEY_REUSED


def test_only_the_answer_in_the_way_is_a_duplicate_too(world: World) -> None:
    """What is made has a name of its own each time, as a key has."""

    def make() -> Mapping[str, Any]:
        world.once(attempt("k"), "a")
        world.table.transact([Put({"pk": "b", "sk": "b"}, NEW), attempt("k").record({}, NOW)])
        raise AssertionError

    assert world.idempotency.once(attempt("k"), NOW, make) == Made({"id": "a"}, again=True)


def test_an_answer_is_kept_for_a_day_whenever_ttl_collects_it(world: World) -> None:
    world.once(attempt("k"), "a")
    assert world.once(attempt("k"), "a", NOW + KEPT - SECOND).again
    with pytest.raises(AlreadyExists):
        world.once(attempt("k"), "a", NOW + KEPT)
    assert world.once(attempt("k", "other"), "b", NOW + KEPT) == Made({"id": "b"}, again=False)


def test_a_failure_is_not_remembered(world: World) -> None:
    world.once(None, "a")
    with pytest.raises(AlreadyExists):
        world.once(attempt("k"), "a")
    assert not world.once(attempt("k", "put right"), "b").again
