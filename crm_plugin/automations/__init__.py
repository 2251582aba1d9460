"""Automations: campaigns that start by themselves, step by step, for each person who gives cause.

Above campaigns, whose ledger sends every step and whose rules decide about it; below the home page, which
shows what is under way. Also campaigns that repeat, with one child a period.
"""
