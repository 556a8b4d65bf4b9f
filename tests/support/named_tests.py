"""Running the tests of a module by name, and saying why one fails."""
import sys
import traceback


def check(condition, *told):
    if not condition:
        raise AssertionError("\n".join(str(piece) for piece in told))


def run_tests(module):
    """Runs the functions test_… of a module, those named behind the program's first argument or all
    of them; the exit status."""
    chosen = sys.argv[2:]
    tests = {name: test for name, test in module.items() if name.startswith("test_")}
    n_failed = 0
    for name, test in tests.items():
        if chosen and name not in chosen:
            continue
        try:
            test()
            print(f"ok    {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            n_failed += 1
            print(f"FAIL  {name}\n{traceback.format_exc()}", flush=True)
    return 1 if n_failed else 0
