"""Keys of values: equal values have the same key in every run, others another one."""

import array
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import pathlib
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from parsl.data_provider.files import File

from polaris_parsl.configuration.parsl_internals.memo import users_own_key

SIZE = 16
# What `repr` writes as a whole, and differently for each value.
_PLAIN = frozenset([type(None), bool, int, float, complex, str, bytes, type(...)])

CodeOf = Callable[[types.FunctionType], bytes]


class NoKeyError(TypeError):
    """A value is of a type that has no key."""

    def __init__(self, value: object) -> None:
        super().__init__(_name(type(value)))


def digest(kind: str, *parts: bytes) -> bytes:
    """A digest of parts, which no other parts of this kind and none of another kind have."""
    made = hashlib.blake2b(digest_size=SIZE)
    for part in (kind.encode(), *parts):
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()


def key_of(value: Any, code_of: CodeOf, *, is_output: bool = False) -> bytes:
    """The key of a value.

    A type that the user has registered with Parsl's id_for_memo has the key that this gives.

    Args:
        value: the value.
        code_of: tells functions apart by more than their names.
        is_output: whether it stands in `outputs` of an app.

    Raises:
        NoKeyError: it is, or holds, a value of a type without a key.
    """
    kind = type(value)
    if kind in _PLAIN:
        return digest(kind.__name__, repr(value).encode("utf-8", "surrogatepass"))
    of_user = users_own_key(value, is_output=is_output)
    if of_user is not None:
        return digest("user", _name(kind).encode(), of_user)
    deeper = functools.partial(key_of, code_of=code_of, is_output=is_output)
    parts = _parts_of_collection(value, deeper)
    if parts is None:
        parts = _parts_of_array(value, deeper)
    if parts is None:
        parts = _parts_of_object(value, deeper, code_of)
    if parts is None:
        raise NoKeyError(value)
    return digest(_name(kind), *parts)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


Deeper = Callable[[Any], bytes]


def _parts_of_collection(value: Any, key: Deeper) -> Iterable[bytes] | None:
    if isinstance(value, dict):
        pairs = (digest("pair", key(name), key(each)) for name, each in value.items())
        return sorted(pairs)
    if isinstance(value, list | tuple):
        if set(map(type, value)) <= _PLAIN:
            # long lists of numbers: one by one they would take seconds
            return [repr([*value]).encode("utf-8", "surrogatepass")]
        return [key(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(key(each) for each in value)
    return None


def _parts_of_array(value: Any, key: Deeper) -> Iterable[bytes] | None:
    """Of arrays, those of numpy, which need not be there, included."""
    if isinstance(value, bytearray):
        return [bytes(value)]
    if isinstance(value, array.array):
        return [value.typecode.encode(), value.tobytes()]
    if isinstance(value, memoryview):
        return [value.format.encode(), repr(value.shape).encode(), value.tobytes()]
    is_of_numpy = type(value).__module__.partition(".")[0] == "numpy"
    # masks and the like would not be among the bytes
    if not is_of_numpy or not hasattr(value, "dtype") or hasattr(value, "mask"):
        return None
    dtype = repr(value.dtype.descr if value.dtype.names else value.dtype.str).encode()
    content = key(value.tolist()) if value.dtype.hasobject else value.tobytes()
    return [dtype, repr(value.shape).encode(), content]


def _parts_of_object(value: Any, key: Deeper, code_of: CodeOf) -> Iterable[bytes] | None:
    if isinstance(value, types.FunctionType):
        return [_function(value), code_of(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return [digest("field", name.encode(), key(getattr(value, name))) for name in names]
    if isinstance(value, functools.partial):
        return [key(value.func), key(list(value.args)), key(value.keywords)]
    text = next((write for kind, write in _WRITTEN if isinstance(value, kind)), None)
    return [text(value).encode("utf-8", "surrogatepass")] if text else None


def _function(value: Any) -> bytes:
    return f"{value.__module__}.{value.__qualname__}".encode()


# Subclasses of plain types are last: members of an enumeration are numbers and texts, too.
_WRITTEN: list[tuple[Any, Callable[[Any], str]]] = [
    (enum.Enum, lambda value: f"{value.name} {value.value!r}"),
    (type, _name),
    (pathlib.PurePath, str),
    (File, lambda value: value.url),
    (types.BuiltinFunctionType, lambda value: f"{value.__module__}.{value.__qualname__}"),
    (
        (datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal),
        repr,
    ),
    ((fractions.Fraction, uuid.UUID, range, slice), repr),
    *((kind, kind.__repr__) for kind in (str, bytes, int, float)),
]
