"""The web server of ``crm serve`` and ``crm demo``.

Granian takes the connections (``web_process``), the bridge reads each request whole and does it in a lane of
threads (``asgi_bridge``, ``lanes``), and the command keeps the process alive (``wsgi_server``).
"""
