"""The shell for schools on other platforms: accounts, a login page, and the CRM's pages around them."""
