"""The controller's HTTP interface: what it knows, what is asked of it, and what happens as it happens.

Served in a thread of the controller's process and only when asked for. Importing this package costs nothing;
FastAPI and uvicorn are imported by ``server`` when it starts.
"""
