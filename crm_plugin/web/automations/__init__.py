"""Pages of recurring campaigns and of automations, above the composer and the pages of campaigns."""
