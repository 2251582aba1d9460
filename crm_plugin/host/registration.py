"""Registers the one plug-in that answers the host hooks, and refuses what is no host."""

import pluggy

from crm_plugin.host.hookspecs import PROJECT, REQUIRED, HostSpec
from crm_plugin.kernel.errors import Unavailable


def registered(*plugins: object) -> pluggy.PluginManager:
    """Return a plug-in manager in which exactly one provider answers.

    :raises Unavailable: ``host.none`` without a provider, ``host.several`` with more than one,
        ``host.not_a_host`` when it lacks a required hook, misspells one or asks for unknown arguments.
    """
    if not plugins:
        raise Unavailable("host.none")
    if len(plugins) > 1:
        raise Unavailable("host.several", names=", ".join(sorted(map(_name, plugins))))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HostSpec)
    try:
        manager.register(plugins[0])
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise Unavailable("host.not_a_host", name=_name(plugins[0]), reason=str(error)) from error
    missing = [hook for hook in REQUIRED if not getattr(manager.hook, hook).get_hookimpls()]
    if missing:
        reason = f"it does not answer {', '.join(missing)}"
        raise Unavailable("host.not_a_host", name=_name(plugins[0]), reason=reason)
    return manager


def _name(plugin: object) -> str:
    return getattr(plugin, "__name__", type(plugin).__name__)
