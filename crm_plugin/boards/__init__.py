"""Course and class boards: the people of a course by stage, and its money.

Below campaigns, which write to a stage; above segments, whose fields the stages are.

Rooms, from the ground up; each imports those below it:

- ``models``: the tables of figures that are kept.
- ``stages``: the people of each stage, by one definition in SQL, and the stages as conditions.
- ``figures``: the figures of courses and their money, computed for many at once; the nightly comparison.
- ``queries``: lists of courses with kept figures. ``course_orders``: the orders behind a figure of money.
- ``board``: one course or class, with a tab a stage and the columns that matter to it.
- ``service``: verbs on figures. ``jobs``: what workers run.
- ``capability``: what boards bring to the capabilities below.
"""
