"""`undisturbed` loses no signal, whenever another one comes."""

import itertools
import signal
import sys

import pytest

from nncore.training import signals, undisturbed


class TerminatedError(Exception):
    """The exception of the handler of SIGTERM."""


def terminate(number, frame):
    raise TerminatedError


@pytest.fixture(autouse=True)
def handlers():
    """SIGINT and SIGTERM raise errors."""
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    yield
    for which, handler in before.items():
        signal.signal(which, handler)


def test_ctrl_c_while_handlers_are_restored_leaves_none_replaced(monkeypatch):
    real, come = signal.signal, itertools.count()

    def restore(which, handler):
        result = real(which, handler)
        if handler is signal.default_int_handler and next(come) == 0:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(signal, "signal", restore)
    with pytest.raises(KeyboardInterrupt), undisturbed():
        pass
    assert signal.getsignal(signal.SIGTERM) is terminate
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupted_before(instruction):
    """Enter and leave `undisturbed`, with Ctrl-C before an instruction of its module.

    Returns whether there are so many.
    """
    instructions = itertools.count()

    def trace(frame, event, argument):
        if frame.f_code.co_filename != signals.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(instructions) == instruction:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # at any instruction
            sys.settrace(trace)
            with undisturbed():
                pass
            sys.settrace(before)
            signal.raise_signal(signal.SIGINT)
    finally:
        sys.settrace(before)
    return next(instructions) > instruction


def test_ctrl_c_at_any_moment_swallows_no_later_signal():
    for instruction in itertools.count():
        if not interrupted_before(instruction):
            break
        with pytest.raises(TerminatedError):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert instruction > 100


def test_all_signals_of_a_block_are_handled_even_if_a_handler_raises():
    handled = []

    def note(number, frame):
        handled.append(number)
        raise TerminatedError

    @undisturbed()
    def block():
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
            signal.raise_signal(which)
        assert handled == []

    signal.signal(signal.SIGTERM, note)
    with pytest.raises(TerminatedError) as raised:
        block()
    assert handled == [signal.SIGTERM] * 2
    assert isinstance(raised.value.__context__.__context__, KeyboardInterrupt)
