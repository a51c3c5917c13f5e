"""Templates that cannot be served are refused at the start, with the place."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from apigateway_standin.api import build_api
from apigateway_standin.document import Section, TemplateError
from apigateway_standin.stack import read_api, read_functions
from apigateway_standin.template import Template

if TYPE_CHECKING:
    from pathlib import Path


def load(directory: Path, text: str, overrides: dict[str, Any] | None = None) -> Template:
    path = directory / "template.yaml"
    path.write_text(text)
    return Template.load(path, Section(overrides or {}, "resources file"))


def test_intrinsics(tmp_path: Path) -> None:
    template = load(
        tmp_path,
        """
Parameters: {Name: {Type: String, Default: n}, Many: {Type: CommaDelimitedList, Default: 'a, b'}}
Conditions:
  Named: !Equals [!Ref Name, n]
  Both: !And [!Condition Named, !Not [!Equals [a, b]]]
  Either: !Or [!Condition Both, !Equals [a, b]]
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Holder:
    Type: Custom
    Properties:
      Ref: !Ref Queue
      Att: !GetAtt Queue.Arn
      Long: {Fn::GetAtt: [Queue, QueueName]}
      Sub: !Sub '${Name}-${Queue}-${Queue.Arn}-${!Literal}-${AWS::AccountId}'
      SubMap: !Sub ['${X}${Name}', {X: !Ref Name}]
      If: !If [Either, 1, 2]
      Gone: !If [Either, !Ref AWS::NoValue, 2]
      List: [a, !Ref AWS::NoValue, !Ref Many]
      Split: !Select [1, !Split ['.', a.b]]
      Date: 2012-10-17
""",
    )
    assert template.section("Holder").values == {
        "Ref": "Queue",
        "Att": "arn:aws:sqs:us-east-1:000000000000:Queue",
        "Long": "Queue.QueueName",
        "Sub": "n-Queue-arn:aws:sqs:us-east-1:000000000000:Queue-${Literal}-000000000000",
        "SubMap": "nn",
        "If": 1,
        "List": ["a", ["a", "b"]],
        "Split": "b",
        "Date": "2012-10-17",
    }


def test_overrides(tmp_path: Path) -> None:
    template = load(
        tmp_path,
        """
Parameters: {Name: {Type: String}}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Holder: {Type: Custom, Properties: {A: !Ref Name, B: !Ref Queue, C: !GetAtt Queue.Arn}}
""",
        {"Parameters": {"Name": "given"}, "Resources": {"Queue": {"Ref": "q", "Arn": "arn:q"}}},
    )
    assert template.section("Holder").values == {"A": "given", "B": "q", "C": "arn:q"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!ImportValue x", r"Resources\.Holder\.Properties\.X\.Fn::ImportValue: .*not supported"),
        ("!Ref Nobody", r"Properties\.X\.Ref: Nobody is neither"),
        ("!Sub '${Nobody.Arn}'", "Nobody is neither"),
        ("!Ref Empty", "neither a value nor a Default"),
        ("!If [Nothing, 1, 2]", "no condition Nothing"),
        ("!FindInMap [A, B, C]", "Mappings has no A.B.C"),
        ("!Join [a]", "expects 2 arguments"),
    ],
)
def test_intrinsics_that_fail(tmp_path: Path, value: str, message: str) -> None:
    template = load(
        tmp_path,
        f"""
Parameters: {{Empty: {{Type: String}}}}
Resources: {{Holder: {{Type: Custom, Properties: {{X: {value}}}}}}}
""",
    )
    with pytest.raises(TemplateError, match=message):
        template.section("Holder")


FUNCTION = """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: .
      {property}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        {body}
        paths:
          /a/{{id}}:
            post:
              parameters: [{{name: id, in: path}}, {{name: X, in: header}}]
              responses: {{'200': {{description: ok, headers: {{X-Y: {{}}}}}}}}
              {operation}
              x-amazon-apigateway-integration:
                {integration}
        components:
          securitySchemes: {{{scheme}}}
"""
LAMBDA = (
    "{type: aws_proxy, httpMethod: POST, uri: !Sub 'arn:aws:apigateway:us-east-1:lambda:path"
    "/2015-03-31/functions/${F.Arn}/invocations'}"
)


def http(**fields: str) -> str:
    given = {"type": "http", "httpMethod": "POST", "uri": "http://u.example/", **fields}
    return "{" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}"


def answers(value: str) -> str:
    return http(responses="{default: {statusCode: 200, responseParameters: {" + value + "}}}")


def custom(value: str) -> str:
    return "G: {type: apiKey, x-amazon-apigateway-authtype: custom, " + (
        "x-amazon-apigateway-authorizer: {" + value + "}}"
    )


def build(directory: Path, **fields: str) -> None:
    given = {"property": "Timeout: 3", "body": "openapi: 3.0.1", "operation": "summary: s"}
    given |= {"integration": LAMBDA, "scheme": ""} | fields
    template = load(directory, FUNCTION.format(**given))
    build_api(read_api(template), read_functions(template))


def test_the_plain_template_is_fine(tmp_path: Path) -> None:
    build(tmp_path)
    build(tmp_path, integration=answers("method.response.header.X-Y: \"'a'\""))


def aliased(function: str) -> str:
    """A resource more, after the function."""
    properties = f"{{Name: live, FunctionName: {function}, FunctionVersion: $LATEST}}"
    return f"Timeout: 3\n  Alias: {{Type: AWS::Lambda::Alias, Properties: {properties}}}"


def test_a_function_is_called_by_its_alias(tmp_path: Path) -> None:
    by_alias = LAMBDA.replace("F.Arn", "Alias")
    build(tmp_path, property=aliased("!Ref F"), integration=by_alias)
    function = read_functions(Template.load(tmp_path / "template.yaml"))["F"]
    assert function.aliases == (f"{function.arn}:live",)
    with pytest.raises(TemplateError, match="G:live is not a function of this template"):
        build(tmp_path, property=aliased("G"), integration=by_alias)


MAP = "{integration.request.%s: %s}"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"integration": "{type: http_proxy, uri: 'http://x/', httpMethod: POST}"}, "http_proxy"),
        ({"integration": "{type: aws, uri: x, httpMethod: POST}"}, "type aws is not"),
        ({"integration": http(responseTransferMode="STREAM")}, "STREAM"),
        ({"integration": http(contentHandling="CONVERT_TO_TEXT")}, "contentHandling"),
        ({"integration": http(requestTemplates="{a/b: x}")}, "requestTemplates"),
        ({"integration": http(passthroughBehavior="never")}, "passthroughBehavior"),
        ({"integration": http(connectionType="VPC_LINK")}, "connectionType"),
        ({"integration": http(unheard="x")}, r"integration\.unheard"),
        ({"integration": http(uri="'{id}'")}, "absolute URL"),
        ({"integration": http(uri="'http://u.example/{id}'")}, "no integration.request.path"),
        ({"integration": http(timeoutInMillis="10")}, "at least 50"),
        ({"integration": http(requestParameters=MAP % ("header.A", "method.request.body"))}, "not"),
        (
            {"integration": http(requestParameters=MAP % ("header.A", "method.request.header.x"))},
            "does not declare method.request.header.x",
        ),
        (
            {"integration": http(requestParameters=MAP % ("header.Content-Length", "\"'1'\""))},
            "cannot be set",
        ),
        ({"integration": answers("method.response.header.Z: \"'a'\"")}, "does not declare"),
        ({"integration": http(responses="{default: {statusCode: 404}}")}, "no response 404"),
        ({"integration": http(responses="{'(': {statusCode: 200}}")}, "regular expression"),
        ({"integration": LAMBDA.replace("F.Arn", "Api")}, "not a function of this template"),
        ({"integration": LAMBDA.replace("POST", "GET")}, "invoked by POST"),
        ({"integration": LAMBDA.replace("2015-03-31", "2021-11-15")}, "not a Lambda invocation"),
        (
            {
                "body": "x-amazon-apigateway-binary-media-types: ['*/*']",
                "integration": "{type: mock, requestTemplates: "
                "{application/json: '{\"statusCode\": 200}'}}",
            },
            "CONVERT_TO_TEXT",
        ),
        ({"operation": "security: [{Nobody: []}]"}, "no security scheme Nobody"),
        ({"scheme": custom("type: token")}, "only request authorizers"),
        ({"scheme": custom("type: request")}, "only 0"),
        (
            {"scheme": custom("type: request, authorizerResultTtlInSeconds: 300")},
            "only 0",
        ),
        (
            {
                "scheme": custom(
                    "type: request, authorizerResultTtlInSeconds: 0, "
                    "identitySource: method.request.header.A"
                )
            },
            "identitySource",
        ),
        ({"property": "Events: {A: {Type: Api, Properties: {}}}"}, "explicit DefinitionBody"),
        ({"property": "Events: {A: {Type: SQS, Properties: {}}}"}, "event type SQS"),
        (
            {"property": "Events: {A: {Type: Schedule, Properties: {Schedule: cron(0)}}}"},
            "only rate",
        ),
        ({"property": "InlineCode: x"}, "InlineCode"),
        ({"property": "Layers: ['arn:other']"}, "not a layer of the template"),
    ],
)
def test_refused(tmp_path: Path, fields: dict[str, str], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        build(tmp_path, **fields)


def test_the_process_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    run = subprocess.run(
        [sys.executable, "-m", "apigateway_standin", "--template", tmp_path / "template.yaml"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == (
        "apigateway_standin: Resources: expected one AWS::Serverless::Api, found []\n"
    )
