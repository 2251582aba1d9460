"""Words of what is done to many people: tags and exports."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words
from crm_plugin.web.shell.vocabulary import word

TABLES: dict[str, dict[str, Text]] = {
    "asked_problem": {
        "segment": Text("The conditions are no longer valid"),
        "access": Text("A permission was missing"),
        "tag": Text("Too many people now"),
        "export": Text("Too many people now"),
    },
    "tagging": {
        "waiting": Text("Waiting"),
        "running": Text("Under way"),
        "done": Text("Done"),
        "failed": Text("Failed"),
    },
    "export": {
        "waiting": Text("Waiting"),
        "running": Text("Being written"),
        "done": Text("Ready"),
        "failed": Text("Failed"),
    },
}


def asked_problem(code: str) -> str:
    """Return why a worker could not do its work; of the error only the code was kept."""
    area = code.partition(".")[0]
    return word("asked_problem", area) if area in TABLES["asked_problem"] else code


WORDS = Words(TABLES)
"""What this room says."""
