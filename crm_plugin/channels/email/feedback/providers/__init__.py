"""Mail providers that post events in forms of their own: how each is proven, and where its facts stand.

A provider is its form (data, ``forms.py``), its proof (``proofs.py``, ``notifications.py``) and one line in
``registry.py``. Not here: what an event does (:mod:`crm_plugin.campaigns.feedback.bounces`).
"""
