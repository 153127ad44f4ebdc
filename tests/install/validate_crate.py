"""Validate directories against the profile RO-Crate 1.1; prints what is not as the profile demands.

Runs in an environment of its own, with `roc-validator` and a `rocrate` that carries the JSON-LD
context of version 1.1: nothing is asked of a network.
"""

import io
import sys
from importlib.resources import files
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
SHIPPED = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()


def send(self: HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
    """Answer for the place of the context, and for no other."""
    if request.url != CONTEXT:
        raise requests.ConnectionError(f"no network for {request.url}", request=request)
    head = {"Content-Type": "application/ld+json"}
    answer = HTTPResponse(io.BytesIO(SHIPPED), head, 200, preload_content=False)
    return self.build_response(request, answer)


HTTPAdapter.send = send  # type: ignore[method-assign, assignment] # whatever it is asked
for directory in sys.argv[1:]:
    result = validate(
        ValidationSettings(
            rocrate_uri=directory,
            profile_identifier="ro-crate-1.1",
            requirement_severity=Severity.REQUIRED,
        )
    )
    for issue in result.get_issues():
        print(f"{issue.check.identifier}: {issue.message}")
    print(f"{len(result.executed_checks)} checks")
