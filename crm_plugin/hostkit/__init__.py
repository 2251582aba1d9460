"""The conformance kit: shows the author of a host what the CRM will see of it.

``pytest --pyargs crm_plugin.hostkit --host=module:factory`` or ``crm check-host module:factory``. It only
reads, so that it may run on a live site; what it found is printed as a Markdown table at the end.

Level 0 looks at the plug-in itself (one provider, hooks and their arguments, consistent facts), level 1 at
what it hands over (types, ids, pages, references, marks).
"""

import os


def run(target: str) -> int:
    """Run the kit on a host and print its report on standard output.

    :param target: ``module:factory``; the factory takes the settings or nothing.
    :return: 0 = the host keeps the contract, 1 = it does not, 2 = it could not be loaded.
    """
    import pytest  # here, because a school that only runs the CRM does not have it

    # Nothing of the folder in which it is called has a say: no settings, no conftest.py, no other plug-ins.
    alone = ["-c", os.devnull, "--noconftest", "--disable-plugin-autoload", "-p", "no:cacheprovider"]
    ours = ["-p", "crm_plugin.hostkit.plugin", "--rootdir", os.path.dirname(__file__)]
    code = pytest.main(["--pyargs", __name__, "--host", target, "-q", "--no-header", *alone, *ours])
    return {pytest.ExitCode.OK: 0, pytest.ExitCode.TESTS_FAILED: 1}.get(pytest.ExitCode(code), 2)
