"""The one way to the files that ship in the wheel (templates, migrations, SMS templates)."""

from importlib.resources import files
from pathlib import Path


def folder(name: str) -> Path:
    """Return the folder of a resource package.

    :param name: ``templates``, ``migrations`` or ``sms_templates``, or a package below ``crm_plugin``.
    """
    return Path(str(files(f"crm_plugin.{name}")))
