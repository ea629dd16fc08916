"""Files of settings in YAML: small, without aliases, and with every key once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from layers.errors import BadInput

FILE_BYTES_MAX = 256 * 1024
_DEPTH_MAX = 40
_PROBLEMS_MAX = 10
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast


def read_yaml(path: Path) -> Any:
    """Read a file of settings.

    Returns
    -------
    object
        Of lists, dicts and plain values; None for an empty file.

    Raises
    ------
    BadInput
        When the file is too large, not YAML, repeats a key or has an alias; the message names the file and the fault.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadInput(f"{path.name} is larger than {FILE_BYTES_MAX} bytes", parameter=path.name)
        text = path.read_text(encoding="utf-8")
        _check_events(text, path.name)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_keys(node, path.name)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # an impossible date is a ValueError
        raise BadInput(f"{path.name} is not YAML: {error}", parameter=path.name) from error


def _check_events(text: str, name: str) -> None:
    """Raise for an alias, which could stand for any amount of text, and for nesting too deep for the parser."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise BadInput(f"{name}{_at(event)}: aliases (*name) are not allowed; write the value out", parameter=name)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH_MAX:
            raise BadInput(f"{name}{_at(event)} is nested more than {_DEPTH_MAX} levels deep", parameter=name)


def _check_keys(root: yaml.Node, name: str) -> None:
    """Raise for a key that is given twice: only the second would count."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        known = set[tuple[str, str]]()
        for key, value in node.value:
            waiting.append(value)
            if not isinstance(key, yaml.ScalarNode):
                raise BadInput(f"{name}{_at(key)}: a key is one word", parameter=name)
            if (key.tag, key.value) in known:
                raise BadInput(f"{name}{_at(key)}: '{key.value[:80]}' is given twice", parameter=name)
            known.add((key.tag, key.value))


def _at(part: Any) -> str:
    return f", line {part.start_mark.line + 1}" if part.start_mark else ""


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong with the content of a file, the first ten faults."""
    problems: list[Any] = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in problems[:_PROBLEMS_MAX])
