"""The filter builder: a tree as a form, the form as a tree, and the menus of its fields.

It draws and reads; it counts nothing and knows no SQL. Its template is
``templates/crm/segments/builder/builder.html``.
"""
