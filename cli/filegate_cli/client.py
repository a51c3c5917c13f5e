"""Client: JSON calls to a gateway, whose refusals become problems that say what to do."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from filegate_cli.output import Resource
from filegate_cli.problems import Problem

if TYPE_CHECKING:
    import httpx

_WHERE: Final = "Are --url or FILEGATE_URL the gateway's base URL, with its stage if it has one?"

Query = Mapping[str, str | int | None]
"""Query parameters; what is None is left away."""

_TRIES: Final = 4
_PATIENCE: Final = 5.0
"""Seconds of waiting at most before a request is tried once more."""
_PAGE_SIZE: Final = 100
_TRANSIENT: Final = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Credential:
    """A key, the header it goes in, and what to do where it is refused."""

    header: str
    key: str
    advice: str


def admin_credential(key: str) -> Credential:
    """The admin API's."""
    return Credential(
        "x-filegate-admin-key",
        key,
        "Is what FILEGATE_ADMIN_KEY or --admin-key says that secret's text, whole and of this "
        "gateway? With --ready-file it is taken from a `filegate local`.",
    )


def tenant_credential(key: str) -> Credential:
    """A tenant's own."""
    return Credential(
        "x-goog-api-key",
        key,
        "Is FILEGATE_KEY this gateway's, and neither revoked nor expired? "
        "`filegate key list <tenant>` shows a tenant's keys, `filegate key issue` makes one.",
    )


class Client:
    """Calls one gateway with one credential. Safe for many threads. Raises Problem."""

    def __init__(self, url: str, credential: Credential | None) -> None:
        self.url: Final = url
        self._credential: Final = credential
        self._http: httpx.Client | None = None

    @property
    def http(self) -> "httpx.Client":
        """The connections, without a credential."""
        if self._http is None:
            import httpx  # noqa: PLC0415 - a third of the time that `--help` would take

            self._http = httpx.Client(
                timeout=httpx.Timeout(60, connect=10),
                limits=httpx.Limits(max_connections=None),
                headers={"user-agent": "filegate-cli"},
            )
        return self._http

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: Resource | None = None,
        *,
        idempotency_key: str | None = None,
        query: Query | None = None,
    ) -> Resource:
        """Call a method of the API and read its JSON answer."""
        answer = self.send(method, path, body, idempotency_key=idempotency_key, query=query)
        return self.read(answer)

    def pages(
        self, path: str, items: str, query: Query | None = None, *, sized: bool = True
    ) -> Iterator[Resource]:
        """Everything a list has, in the order it has it, a page at a time.

        `sized` is whether the list can be asked for pages of a size.
        """
        token: str | None = None
        while True:
            paging = {"pageSize": _PAGE_SIZE if sized else None, "pageToken": token}
            page = self.call("GET", path, query={**(query or {}), **paging})
            yield from page.get(items) or ()
            token = page.get("nextPageToken")
            if not token:
                return

    def send(
        self,
        method: str,
        path: str,
        body: Resource | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        query: Query | None = None,
    ) -> "httpx.Response":
        """Call a method of the API; the answer is a success, whatever is in it.

        What may be repeated is, a few times, where nothing came back or the gateway was busy.
        """
        sent = dict(headers or {})
        if self._credential is not None:
            sent[self._credential.header] = self._credential.key
        if idempotency_key is not None:
            sent["idempotency-key"] = idempotency_key
        repeatable = method in {"GET", "PATCH"} or idempotency_key is not None
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        tries = _TRIES if repeatable else 1
        for left in range(tries - 1, -1, -1):
            answer = self._try(method, path, body, sent, given, last=left == 0)
            if answer is not None and answer.is_success:
                return answer
            if answer is not None and (answer.status_code not in _TRANSIENT or left == 0):
                raise self.refusal(answer)
            time.sleep(_wait(answer, tries - left))
        raise AssertionError("unreachable")  # the last try answers or raises

    def ask(self, method: str, path: str) -> "httpx.Response":
        """Call a method once; the answer may be a refusal."""
        import httpx  # noqa: PLC0415

        headers = (
            {} if self._credential is None else {self._credential.header: self._credential.key}
        )
        try:
            return self.http.request(method, self.url + path, headers=headers)
        except httpx.HTTPError as error:
            raise self.unreachable(error) from None

    def _try(
        self,
        method: str,
        path: str,
        body: Resource | None,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        *,
        last: bool,
    ) -> "httpx.Response | None":
        import httpx  # noqa: PLC0415

        try:
            return self.http.request(
                method,
                self.url + path,
                json=None if body is None else dict(body),
                headers=dict(headers),
                params=dict(query),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise self.unreachable(error) from None
        except httpx.HTTPError as error:
            if last:
                raise self.unreachable(error) from None
            return None

    def unreachable(self, error: Exception) -> Problem:
        """The problem that no answer came."""
        reason = str(error) or type(error).__name__
        return Problem(
            f"{self.url} does not answer: {reason}.",
            "Is the gateway up (`filegate local` runs one here), and are --url or FILEGATE_URL "
            "its base URL?",
        )

    def refusal(self, answer: "httpx.Response") -> Problem:
        """The problem behind an answer that is no success."""
        status = _status_in(answer)
        if status is None:
            return self._foreign(answer)
        said = str(status["message"] or status.get("status") or f"HTTP {answer.status_code}")
        return Problem(said, self._advice(status, answer.request.url.path))

    def _advice(self, status: Mapping[str, Any], path: str) -> str:
        reasons = {detail.get("reason") for detail in _details(status)}
        code = status.get("code")
        if "API_KEY_INVALID" in reasons or code == HTTPStatus.UNAUTHORIZED:
            return self._credential.advice if self._credential else ""
        for detail in _details(status):
            if "retryDelay" in detail:
                return f"The same can succeed in {detail['retryDelay']}."
        if code is not None and code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "Nothing is wrong with the command: try again in a moment."
        if code == HTTPStatus.FORBIDDEN and reasons - {None}:
            # A decision, not a name that is wrong; its sentence says what to do.
            return ""
        known = _ADVICE.get((str(status.get("status")), _noun_in(path)))
        if known is None and code == HTTPStatus.NOT_FOUND:
            return _WHERE
        return known or ""

    def _foreign(self, answer: "httpx.Response") -> Problem:
        """What answers is no Filegate, or not one that knows this route."""
        kind = answer.headers.get("content-type", "no content type")
        return Problem(
            f"{self.url} answered {answer.status_code} with {kind}, as no Filegate does.",
            _WHERE,
        )

    def read(self, answer: "httpx.Response") -> Resource:
        """The JSON of an answer. Raises Problem if there is none."""
        try:
            read = answer.json() if answer.content else {}
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise self._foreign(answer)
        return read


_ADVICE: Final[Mapping[tuple[str, str], str]] = {
    ("NOT_FOUND", "tenants"): "`filegate tenant list` shows the tenants there are.",
    ("NOT_FOUND", "keys"): "`filegate key list <tenant>` shows a tenant's keys, by their ids.",
    ("NOT_FOUND", "projects"): "`filegate project list` shows the projects there are.",
    ("NOT_FOUND", "reconciliation"): "`filegate project reconcile <project>` is that call.",
    ("ALREADY_EXISTS", "tenants"): "Choose another id; `filegate tenant list` shows those taken.",
    ("ALREADY_EXISTS", "projects"): "Choose another id; `filegate project list` shows those taken.",
    ("ALREADY_EXISTS", "files"): "Choose another --name, or delete the file that has it.",
    ("PERMISSION_DENIED", "files"): "`filegate files list` shows the tenant's files.",
    ("INVALID_ARGUMENT", "tenants"): "`filegate tenant create --help` says what it takes.",
    ("INVALID_ARGUMENT", "keys"): "`filegate key issue --help` says what it takes.",
    ("INVALID_ARGUMENT", "projects"): "`filegate project add --help` says what it takes.",
    ("INVALID_ARGUMENT", "tokens"): "`filegate token mint --help` says what it takes.",
    ("INVALID_ARGUMENT", "usage"): "`filegate usage show --help` says what it takes.",
}
"""What to do about a refusal, by its status and what it is about."""


def _noun_in(path: str) -> str:
    """What a path is about: the last collection in it."""
    nouns = {noun for _, noun in _ADVICE}
    parts = [part.partition(":")[0] for part in path.split("/")]
    return next((part for part in reversed(parts) if part in nouns), "")


def _status_in(answer: "httpx.Response") -> Mapping[str, Any] | None:
    try:
        status = answer.json().get("error")
    except (ValueError, AttributeError):
        return None
    return status if isinstance(status, dict) and "message" in status else None


def _details(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = status.get("details") or []
    return [detail for detail in details if isinstance(detail, dict)]


def _wait(answer: "httpx.Response | None", tried: int) -> float:
    named = "" if answer is None else answer.headers.get("retry-after", "")
    return min(_PATIENCE, float(named) if named.isdigit() else 0.25 * 2.0**tried)
