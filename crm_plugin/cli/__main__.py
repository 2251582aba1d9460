"""``python -m crm_plugin.cli``: the console script, for child processes."""

from crm_plugin.cli import main

main()
