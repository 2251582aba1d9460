"""Words of what is done to many people: tags and exports."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.vocabulary import word

TABLES: dict[str, dict[str, Text]] = {
    "asked_problem": {
        "segment": Text("The search can no longer be understood"),
        "access": Text("A permission was missing"),
        "tag": Text("They have become too many people"),
        "export": Text("They have become too many people"),
    },
    "tagging": {
        "waiting": Text("Waits for a worker"),
        "running": Text("Under way"),
        "done": Text("Done"),
        "failed": Text("Failed"),
    },
    "export": {
        "waiting": Text("Waits for a worker"),
        "running": Text("Being written"),
        "done": Text("Ready"),
        "failed": Text("Failed"),
    },
}


def asked_problem(code: str) -> str:
    """Return why a worker could not do what was asked; of the error only the code was kept."""
    area = code.partition(".")[0]
    return word("asked_problem", area) if area in TABLES["asked_problem"] else code
