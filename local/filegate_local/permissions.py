"""Permissions: credentials for each function, with which it may do what the template grants it.

A missing permission is then AccessDenied here as on AWS. The credentials are a user's, not a
role's: a role's end after twelve hours at most (AWS: AssumeRole), and a stack on a desk may run for
longer. What is granted, and how it is decided, is the same.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from apigateway_standin.document import Section, TemplateError
from apigateway_standin.template import Template
from filegate_local.aws import LocalAws

Statement: TypeAlias = Mapping[str, Any]
"""One statement of an IAM policy."""

POLICY: Final = "granted"
"""Name of the one policy of each principal."""
_VERSION: Final = "2012-10-17"


def granted(template: Template) -> Mapping[str, Sequence[Statement]]:
    """What the template's own policies grant each function, by logical id.

    What SAM adds by itself (writing to its log) is not needed here. Raises TemplateError for a
    policy that is only named.
    """
    return {
        name: list(_statements(template.section(name)))
        for name in template.of_type("AWS::Serverless::Function")
    }


def _statements(function: Section) -> Iterator[Statement]:
    for policy in function.items("Policies"):
        if not isinstance(policy, dict) or "Statement" not in policy:
            place = function.at("Policies")
            raise TemplateError(place, "is not enforced here unless its statements are written out")
        yield from cast("Sequence[Statement]", policy["Statement"])


def issue_credentials(
    aws: LocalAws, grants: Mapping[str, Sequence[Statement]]
) -> Mapping[str, Mapping[str, str]]:
    """Make each function a principal of its own.

    Answers the environment variables that make a process act as it, by logical id. Those of an
    earlier run with the same data directory end.
    """
    with contextlib.closing(aws.iam()) as iam:
        return {
            name: _as_environment(_new_key(iam, name, statements))
            for name, statements in grants.items()
        }


def _new_key(iam: Any, name: str, statements: Sequence[Statement]) -> Mapping[str, str]:  # noqa: ANN401 - boto3's IAM client has no types here
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=name)
    document = json.dumps({"Version": _VERSION, "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName=POLICY, PolicyDocument=document)
    for old in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=old["AccessKeyId"])
    key: Mapping[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return key


def _as_environment(key: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
