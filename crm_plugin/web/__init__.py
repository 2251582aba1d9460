"""Pages and the JSON API, made of what services answer; and the public routes in front of the school.

No SQL and no rule of a capability belong here. Rooms, from the ground up; each imports those below it:

- ``shell``: what each page stands in.
- ``segments``: the builder of a segment. ``admin``: pages of administrators. ``sms``: SMS templates.
- ``campaigns``: campaigns and their composer.
- ``listing``: what every list of people shares.
- ``people``: the list of people. ``person``: the page of one. ``boards``: courses and classes.
  ``automations``: recurring campaigns, and what starts by itself.
- ``home_page``, and ``api``: the JSON API.
- ``menu``: its entries. ``pages``: the list of all. ``blueprint``: their mount, and the menu of the school.
- ``public``: short links and opt-out pages. It stands apart, in front of the school.
"""
