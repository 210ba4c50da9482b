"""The plain interactive prompt: reads statements from standard input and runs them in `__main__`."""

import builtins
import linecache
import sys
from codeop import CommandCompiler


def _prompt(name, default):
    if not hasattr(sys, name):
        setattr(sys, name, default)
    return str(getattr(sys, name))


def _read_line(prompt):
    """One line with its newline, or "" at the end of the input."""
    stdin, stderr = sys.stdin, sys.stderr
    if stdin is None:
        return ""
    sys.stdout.flush()
    if stdin.isatty() and sys.stdout.isatty():
        try:
            return builtins.input(prompt) + "\n"
        except EOFError:
            return ""
    stderr.write(prompt)
    stderr.flush()
    try:
        return stdin.readline()
    except OSError:
        # Somebody has closed it.
        return ""


def _show(exc, skip):
    """Reports an exception through `sys.excepthook`, without our own frames."""
    traceback = exc.__traceback__
    for _ in range(skip):
        traceback = traceback and traceback.tb_next
    exc.__traceback__ = traceback
    sys.last_exc = sys.last_value = exc
    sys.last_type, sys.last_traceback = type(exc), traceback
    sys.excepthook(type(exc), exc, traceback)


# What is being compiled, for messages about it.
_last_source = ""


def _statement(compiler, filename):
    """Reads a whole statement: its source and code object; EOFError at the end."""
    global _last_source
    source, prompt = "", _prompt("ps1", ">>> ")
    while True:
        line = _read_line(prompt)
        if not line:
            if not source:
                raise EOFError
            # What is there must do.
            sys.stderr.write("\n")
            return source, compile(source, filename, "single")
        if not line.endswith("\n"):
            # The input ends here.
            sys.stderr.write("\n")
            line += "\n"
        source += line
        _last_source = source
        code = compiler(source.removesuffix("\n"), filename, "single")
        if code is not None:
            return source, code
        prompt = _prompt("ps2", "... ")


def loop(namespace):
    """Runs statements until the end of the input."""
    compiler = CommandCompiler()
    filename = "<stdin>"
    while True:
        try:
            source, code = _statement(compiler, filename)
        except EOFError:
            sys.stderr.write("\n")
            sys.stderr.flush()
            return
        except KeyboardInterrupt:
            sys.stderr.write("\nKeyboardInterrupt\n")
            continue
        except (SyntaxError, OverflowError, ValueError) as exc:
            exc.__traceback__ = None
            if isinstance(exc, SyntaxError) and exc.text is None and exc.lineno and _last_source:
                lines = _last_source.splitlines(True)
                exc.text = lines[exc.lineno - 1] if exc.lineno <= len(lines) else None
            _show(exc, 0)
            continue
        linecache._register_code(code, source, filename)
        try:
            exec(code, namespace)
        except SystemExit:
            if sys.flags.inspect and not sys.flags.interactive:
                continue
            raise
        except BaseException as exc:
            _show(exc, 1)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()


def base_repl():
    """`sys._baserepl()`"""
    loop(sys.modules["__main__"].__dict__)


def banner():
    """Says who is there, as the prompt starts."""
    sys.stderr.write(
        f"Python {sys.version} on {sys.platform}\n"
        'Type "help", "copyright", "credits" or "license" for more information.\n'
    )


def _run_startup_file(namespace):
    import os

    path = None if sys.flags.ignore_environment else os.environ.get("PYTHONSTARTUP")
    if not path:
        return
    try:
        import tokenize

        with tokenize.open(path) as file:
            source = file.read()
    except OSError as exc:
        sys.stderr.write(f"Could not open PYTHONSTARTUP\n{type(exc).__name__}: {exc}\n")
        return
    try:
        exec(compile(source, path, "exec"), namespace)
    except SystemExit:
        raise
    except BaseException as exc:
        _show(exc, 1)


def interact(startup, fancy):
    """The prompt: with line editing if `fancy` and the terminal allows it."""
    main = sys.modules["__main__"]
    hook = getattr(sys, "__interactivehook__", None)
    if hook is not None:
        try:
            hook()
        except Exception as exc:
            sys.stderr.write("Failed calling sys.__interactivehook__\n")
            _show(exc, 1)
    if fancy:
        try:
            from _pyrepl.main import CAN_USE_PYREPL, FAIL_REASON, interactive_console
        except ImportError:
            pass
        else:
            if CAN_USE_PYREPL:
                return interactive_console(main, pythonstartup=True)
            if FAIL_REASON:
                sys.stderr.write(FAIL_REASON + "\n")
    if startup:
        _run_startup_file(main.__dict__)
    loop(main.__dict__)
