"""Calls of every operation of the API, with data made of its own document, and faults of the answers."""

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from crm_plugin.kernel.storable import LARGEST

PATH = "/admin/crm/api/v1/openapi.json"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
"""What every answer is held to. A valid document may still name a field that no school has."""
TREES = ("Tree", "File", "NewQuery", "QueryChange", "NewExport")
"""Ends of the names of bodies with conditions."""
QUIET = settings(
    phases=[Phase.generate],
    deadline=None,
    database=None,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Calls:
    """Calls that were made, and the first fault of each kind at each operation."""

    known: dict[str, list[str]]
    """Names of things that are there, by their kind in a path or a document."""
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(operation, status) → answers."""
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def make(self, app: Flask, token: str, examples: int, number: int) -> None:
        """Call each operation with so many good documents and as many bad ones.

        :param number: the seed of the data; the same number makes the same calls.
        """
        headers = {"Authorization": f"Bearer {token}"}
        config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
        schema = schemathesis.openapi.from_wsgi(PATH, app, config=config, headers=headers)
        # A fault of the document is an error here. What deletes comes last: the others need what is there.
        every = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
        for operation in sorted(every, key=lambda one: one.method.lower() == "delete"):
            share = max(1, examples // 4) if _takes_a_tree(operation) else examples
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.POSITIVE or _may_be_wrong(operation):
                    test = given(operation.as_strategy(generation_mode=mode))(self._called(headers, mode))
                    seed(number)(settings(QUIET, max_examples=share)(test))()

    def statuses(self) -> dict[int, int]:
        """Return status → answers."""
        found: Counter[int] = Counter()
        for (_operation, status), answers in self.seen.items():
            found[status] += answers
        return dict(sorted(found.items()))

    def _called(self, headers: dict[str, str], mode: GenerationMode) -> Callable[[Any], None]:
        def called(case: Any) -> None:
            self._name_things(case)
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
                self._name_fields(case.body)
            answer = case.call(headers=headers)
            self.seen[case.operation.label, answer.status_code] += 1
            try:
                case.validate_response(answer, checks=CHECKS, headers=headers)
            except BaseExceptionGroup as group:
                for one in group.exceptions:
                    self.faults.setdefault((case.operation.label, type(one).__name__), f"{one}\n{group}")

        return called

    def _name_things(self, case: Any) -> None:
        """Let most paths lead to something: an invented name is just not there."""
        for name, value in (case.path_parameters or {}).items():
            if isinstance(value, int) and value % 4 and 0 <= value <= LARGEST:
                case.path_parameters[name] = value % 4
            elif isinstance(value, str) and name in self.known:
                case.path_parameters[name] = self._chosen(name, value)

    def _name_fields(self, part: Any) -> None:
        """Let conditions ask for fields that there are."""
        if isinstance(part, dict):
            if isinstance(part.get("field"), str):
                part["field"] = self._chosen("field", part["field"])
            part = list(part.values())
        for one in part if isinstance(part, list) else ():
            self._name_fields(one)

    def _chosen(self, kind: str, drawn: Any) -> str:
        names = self.known[kind]
        return names[zlib.crc32(repr(drawn).encode()) % len(names)]


def _takes_a_tree(operation: Any) -> bool:
    """Return whether the body has conditions: drawing one takes as long as ten calls."""
    body = operation.definition.raw.get("requestBody")
    return body is not None and body["content"]["application/json"]["schema"]["$ref"].endswith(TREES)


def _may_be_wrong(operation: Any) -> bool:
    """Return whether an operation takes anything that can be wrong; any text may be the name of a thing."""
    numbers = [one for one in operation.path_parameters if one.definition["schema"]["type"] == "integer"]
    return bool(numbers or operation.query or operation.body)
