"""Tables of automations; only this capability reads and writes them."""
