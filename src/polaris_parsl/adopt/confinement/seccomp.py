"""A seccomp filter: a system call that could reach beyond this process fails with EPERM."""

import ctypes
import errno
import os
import platform

from polaris_parsl import kernel
from polaris_parsl.adopt.confinement.system_calls import UNKNOWN, Refuse, Rule, forbidden

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_X86_64 = 0xC000003E
_X32 = 0x40000000  # a second numbering of the same calls
_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_GREATER_OR_EQUAL = 0x15, 0x35
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # where they stand in struct seccomp_data

_Step = tuple[int, int, int, int]  # code, where true, where false, operand


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Instruction))]


def forbid_system_calls() -> tuple[str, ...]:
    """Refuse system calls from here on, in all threads that this process will start.

    Returns:
        What is held, in words; nothing if the kernel has no seccomp, or on another machine
        than x86-64.
    """
    if platform.machine() != "x86_64":
        return ()
    steps = _program(os.getpid())
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    try:
        kernel.prctl(
            _PR_SET_SECCOMP,
            ctypes.c_ulong(_MODE_FILTER),
            ctypes.byref(_Program(len(steps), instructions)),
        )
    except OSError:
        return ()
    return ("seccomp",)


def _program(own_pid: int) -> list[_Step]:
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, _X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_GREATER_OR_EQUAL, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for rules, number in ((forbidden(own_pid), errno.EPERM), (UNKNOWN, errno.ENOSYS)):
        for rule in rules:
            steps += _steps(rule, (_RETURN, 0, 0, _ERROR | number))
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _steps(rule: Rule, refuse: _Step) -> list[_Step]:
    """Refuse where the rule holds; else go on after the last step, with the number loaded."""
    asked = _condition(rule, refuse)
    return [(_IF_EQUAL, 0, len(asked), rule.number), *asked]


def _condition(rule: Rule, refuse: _Step) -> list[_Step]:
    if rule.refuse is Refuse.ALWAYS:
        return [refuse]
    low = (_LOAD, 0, 0, _ARGUMENTS + 8 * rule.argument)
    again = (_LOAD, 0, 0, _NUMBER)
    match rule.refuse:
        case Refuse.EQUAL:  # the kernel reads these arguments as 32 bits
            return [low, (_IF_EQUAL, 0, 1, rule.value), refuse, again]
        case Refuse.UNEQUAL:
            high = (_LOAD, 0, 0, _ARGUMENTS + 8 * rule.argument + 4)
            return [low, (_IF_EQUAL, 0, 2, rule.value), high, (_IF_EQUAL, 1, 0, 0), refuse, again]
        case Refuse.WITH_ANY_OF:
            mask, jumps = (_AND, 0, 0, rule.value), (1, 0, 0)
        case Refuse.WITHOUT:
            mask, jumps = (_AND, 0, 0, rule.value), (0, 1, 0)
        case Refuse.WITH_ALL_OF:
            mask, jumps = (_AND, 0, 0, rule.value), (0, 1, rule.value)
    return [low, mask, (_IF_EQUAL, *jumps), refuse, again]
